//! One thread at a time where a GPU works.
//!
//! All threads share one queue of a GPU, one cuBLAS handle, whose products of several launches have one workspace, and
//! candle's modules, of which one that two threads load at once is unloaded under a kernel of the other. Work of
//! different threads goes through one queue anyway.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

static NEEDED: AtomicBool = AtomicBool::new(false);
static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    static MINE: Cell<bool> = const { Cell::new(false) };
}

/// From now on [`in_turn`] waits.
pub(crate) fn take_turns() {
    NEEDED.store(true, Ordering::Relaxed);
}

/// What `f` gives, while no other thread is in here, if a GPU works; `f` may ask for it again.
///
/// `f` must not wait for another thread that may ask.
pub fn in_turn<T>(f: impl FnOnce() -> T) -> T {
    /// Over even after a panic.
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            MINE.set(false);
        }
    }
    if !NEEDED.load(Ordering::Relaxed) || MINE.get() {
        return f();
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    MINE.set(true);
    let _over = Over;
    f()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn one_thread_is_in_at_a_time_and_may_ask_again() {
        take_turns();
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        in_turn(|| {
                            most.fetch_max(
                                1 + inside.fetch_add(1, Ordering::SeqCst),
                                Ordering::SeqCst,
                            );
                            in_turn(std::thread::yield_now);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        });
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
        let failed = std::panic::catch_unwind(|| in_turn(|| panic!("in a network")));
        assert!(failed.is_err() && in_turn(|| MINE.get()) && !MINE.get());
    }
}
