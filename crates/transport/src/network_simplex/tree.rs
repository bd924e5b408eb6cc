//! The spanning tree of basic arcs: parents, depths, children, flows and potentials.
//!
//! Sources are nodes `0..n`, targets `n..n + m`. Each node but the root owns the arc to its parent;
//! as every arc goes from a source to a target, the owner's kind gives the direction.

pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Tree {
    pub(super) sources: usize,
    pub(super) parent: Vec<u32>,
    depth: Vec<u32>,
    first_child: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Flow on the arc to the parent.
    pub(super) flow: Vec<i64>,
    /// u of a source, v of a target: u + v = cost on every arc of the tree.
    pub(super) potential: Vec<f64>,
    stack: Vec<u32>,
}

impl Tree {
    /// Hangs the arcs of a spanning tree from node 0 and computes potentials from `cost`.
    pub(super) fn new(
        sources: usize,
        targets: usize,
        arcs: &[(u32, u32, i64)],
        cost: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let nodes = sources + targets;
        let mut tree = Self {
            sources,
            parent: vec![NONE; nodes],
            depth: vec![0; nodes],
            first_child: vec![NONE; nodes],
            next: vec![NONE; nodes],
            previous: vec![NONE; nodes],
            flow: vec![0; nodes],
            potential: vec![0.0; nodes],
            stack: Vec::new(),
        };
        let mut neighbours = vec![Vec::new(); nodes];
        for &(i, j, flow) in arcs {
            let target = sources as u32 + j;
            neighbours[i as usize].push((target, flow));
            neighbours[target as usize].push((i, flow));
        }
        let mut stack = vec![0u32];
        while let Some(node) = stack.pop() {
            for &(child, flow) in &neighbours[node as usize] {
                if child != tree.parent[node as usize] {
                    tree.attach(child, node);
                    tree.flow[child as usize] = flow;
                    tree.depth[child as usize] = tree.depth[node as usize] + 1;
                    stack.push(child);
                }
            }
        }
        tree.recompute_potentials(cost);
        tree
    }

    /// Potentials from the root down, free of what rounding has accumulated.
    pub(super) fn recompute_potentials(&mut self, cost: impl Fn(usize, usize) -> f64) {
        self.stack.push(0);
        while let Some(node) = self.stack.pop() {
            if let Some((i, j)) = self.arc(node) {
                let parent = self.parent[node as usize] as usize;
                self.potential[node as usize] = cost(i, j) - self.potential[parent];
            }
            self.push_children(node);
        }
    }

    /// Source and target of the arc that a node owns.
    pub(super) fn arc(&self, node: u32) -> Option<(usize, usize)> {
        let parent = self.parent[node as usize];
        if parent == NONE {
            return None;
        }
        let (a, b) = (node.min(parent) as usize, node.max(parent) as usize);
        Some((a, b - self.sources))
    }

    pub(super) fn is_source(&self, node: u32) -> bool {
        (node as usize) < self.sources
    }

    /// Enters the arc `(source, target)` of negative reduced cost `reduced` and drops the arc that
    /// the cycle empties first.
    pub(super) fn pivot(&mut self, source: u32, target: u32, reduced: f64) {
        let (leaving, on_source_side, amount) = self.ratio_test(source, target);
        self.push_flow(source, target, amount);
        // The part cut off by the leaving arc is re-hung from its end of the entering arc.
        let (end, new_parent) = if on_source_side { (source, target) } else { (target, source) };
        self.rehang(end, new_parent, leaving, amount);
        // u rises on the sources that moved with the entering arc's source, v falls; or the reverse.
        let source_shift = if on_source_side { reduced } else { -reduced };
        self.shift_subtree(end, source_shift);
    }

    /// The owner of the arc with the least flow against the cycle, its side, and that flow.
    fn ratio_test(&self, source: u32, target: u32) -> (u32, bool, i64) {
        let (mut a, mut b) = (source, target);
        let mut best = (NONE, true, i64::MAX);
        while a != b {
            if self.depth[a as usize] >= self.depth[b as usize] {
                if self.is_source(a) && self.flow[a as usize] < best.2 {
                    best = (a, true, self.flow[a as usize]);
                }
                a = self.parent[a as usize];
            } else {
                if !self.is_source(b) && self.flow[b as usize] < best.2 {
                    best = (b, false, self.flow[b as usize]);
                }
                b = self.parent[b as usize];
            }
        }
        best
    }

    fn push_flow(&mut self, source: u32, target: u32, amount: i64) {
        let (mut a, mut b) = (source, target);
        while a != b {
            if self.depth[a as usize] >= self.depth[b as usize] {
                self.flow[a as usize] += if self.is_source(a) { -amount } else { amount };
                a = self.parent[a as usize];
            } else {
                self.flow[b as usize] += if self.is_source(b) { amount } else { -amount };
                b = self.parent[b as usize];
            }
        }
    }

    /// Reverses the parents from `end` up to `top` and hangs `end` under `new_parent`.
    fn rehang(&mut self, end: u32, new_parent: u32, top: u32, amount: i64) {
        let (mut node, mut new_parent, mut new_flow) = (end, new_parent, amount);
        loop {
            let old_parent = self.parent[node as usize];
            let old_flow = std::mem::replace(&mut self.flow[node as usize], new_flow);
            self.detach(node);
            self.attach(node, new_parent);
            if node == top {
                break;
            }
            (new_parent, new_flow, node) = (node, old_flow, old_parent);
        }
    }

    /// Renews depths below `top`, adds `shift` to its sources' potentials and −`shift` to its
    /// targets'.
    fn shift_subtree(&mut self, top: u32, shift: f64) {
        self.stack.push(top);
        while let Some(node) = self.stack.pop() {
            let k = node as usize;
            self.depth[k] = self.depth[self.parent[k] as usize] + 1;
            self.potential[k] += if k < self.sources { shift } else { -shift };
            self.push_children(node);
        }
    }

    fn push_children(&mut self, node: u32) {
        let mut child = self.first_child[node as usize];
        while child != NONE {
            self.stack.push(child);
            child = self.next[child as usize];
        }
    }

    fn detach(&mut self, node: u32) {
        let (previous, next) = (self.previous[node as usize], self.next[node as usize]);
        match previous {
            NONE => self.first_child[self.parent[node as usize] as usize] = next,
            _ => self.next[previous as usize] = next,
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }

    fn attach(&mut self, node: u32, parent: u32) {
        let first = std::mem::replace(&mut self.first_child[parent as usize], node);
        self.parent[node as usize] = parent;
        self.previous[node as usize] = NONE;
        self.next[node as usize] = first;
        if first != NONE {
            self.previous[first as usize] = node;
        }
    }
}
