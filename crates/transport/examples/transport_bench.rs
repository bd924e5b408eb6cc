use langevin_transport::{Assigner, CostMatrix};
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let read = |p: &str| -> Vec<f64> { std::fs::read(p).unwrap().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect() };
    let (x, y, d) = (read(&a[1]), read(&a[2]), a[3].parse::<usize>().unwrap());
    if x.len()/d>2000 { let t=Instant::now(); let a=langevin_transport::tmp_match(&x,&y,d); println!("cost {:.12} s {:?}",a.cost,t.elapsed()); return; }
    let mut solver = Assigner::new();
    let mut ts = vec![]; let mut tc = vec![];
    let mut c = 0.0;
    for _ in 0..15 {
        let t = Instant::now();
        let m = CostMatrix::squared_euclidean(&x, &y, d).unwrap();
        tc.push(t.elapsed().as_secs_f64()*1e3);
        let t = Instant::now();
        c = solver.solve(m.view()).unwrap().cost;
        ts.push(t.elapsed().as_secs_f64()*1e3);
    }
    ts.sort_by(f64::total_cmp); tc.sort_by(f64::total_cmp);
    println!("cost {c:.12} solve ms {:.3} (min {:.3}) cost-matrix ms {:.3}", ts[7], ts[0], tc[7]);
}
