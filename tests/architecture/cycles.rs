//! No cycles between the files of one module.
//!
//! File A depends on file B if a path in A leads to an item that B defines. A re-export is followed
//! to the definition and is no dependency itself, nor is a `mod` line: `mod.rs` may wire its
//! children, it may not hold what they need. Test code does not count.

use std::collections::{BTreeMap, BTreeSet};

use super::resolution::{Definition, Entity, Resolver};
use super::source::Source;

/// What one file names of another: the items with the lines that name them.
pub type Edge = BTreeMap<String, BTreeSet<usize>>;

/// The files of one module and their dependencies on each other.
#[derive(Debug, Default)]
pub struct Graph {
    pub files: Vec<String>,
    /// From the dependent file to the file that it depends on, as places in `files`.
    pub edges: BTreeMap<(usize, usize), Edge>,
}

/// One graph for every top-level module.
pub fn graphs(sources: &[Source]) -> BTreeMap<String, Graph> {
    let resolver = Resolver::new(sources);
    let mut graphs: BTreeMap<String, Graph> = BTreeMap::new();
    let mut places = Vec::new();
    for (source, _) in &resolver.files {
        let graph = graphs.entry(source.module().to_owned()).or_default();
        places.push(graph.files.len());
        graph.files.push(source.path.clone());
    }
    for (file, (source, _)) in resolver.files.iter().enumerate() {
        let Some(graph) = graphs.get_mut(source.module()) else {
            continue;
        };
        for (item, line) in dependencies(&resolver, file) {
            let target = resolver.files[item.file].0;
            if item.file != file && target.module() == source.module() {
                let edge = (places[file], places[item.file]);
                let items = graph.edges.entry(edge).or_default();
                items.entry(item.name.to_owned()).or_default().insert(line);
            }
        }
    }
    graphs
}

/// The items that a file's code names, with the lines.
fn dependencies<'a>(resolver: &Resolver<'a>, file: usize) -> Vec<(Definition<'a>, usize)> {
    let read = &resolver.files[file].1;
    let mut found = Vec::new();
    let mut add = |inside: &[&str], path: &[&'a str], line, is_counted: &dyn Fn(&str) -> bool| {
        for entity in resolver.resolve(file, inside, path) {
            if let Entity::Item(item) = entity
                && is_counted(item.keyword)
            {
                found.push((item, line));
            }
        }
    };
    for path in &read.paths {
        add(&path.inside, &path.path, path.line, &|_| true);
    }
    let used: BTreeSet<&str> = read.paths.iter().map(|path| path.path[0]).collect();
    for import in read.imports.iter().filter(|import| !import.is_reexport) {
        // An import that this file does not use only passes the name on to its children; a trait
        // is used by its methods.
        let is_used = import.name == "*" || used.contains(import.name);
        let is_counted = |keyword: &str| is_used || keyword == "trait";
        add(&import.inside, &import.path, import.line, &is_counted);
    }
    found
}

impl Graph {
    /// The files that depend on each other, directly or through others: the largest cycle first.
    pub fn cycles(&self) -> Vec<Vec<usize>> {
        self.cycles_without(&|_, _| false)
    }

    /// The same as if some items were elsewhere: asked with the edge and the name of the item.
    fn cycles_without(&self, is_moved: &dyn Fn((usize, usize), &str) -> bool) -> Vec<Vec<usize>> {
        let mut next = vec![Vec::new(); self.files.len()];
        for (edge, items) in &self.edges {
            if items.keys().any(|name| !is_moved(*edge, name)) {
                next[edge.0].push(edge.1);
            }
        }
        let reached: Vec<_> = (0..next.len()).map(|file| reachable(&next, file)).collect();
        let mut is_seen = vec![false; next.len()];
        let mut cycles = Vec::new();
        for file in 0..next.len() {
            if is_seen[file] || !reached[file][file] {
                continue;
            }
            let is_tied = |other: &usize| reached[file][*other] && reached[*other][file];
            let cycle: Vec<usize> = (file..next.len()).filter(is_tied).collect();
            for file in &cycle {
                is_seen[*file] = true;
            }
            cycles.push(cycle);
        }
        cycles.sort_by_key(|cycle| std::cmp::Reverse(cycle.len()));
        cycles
    }

    /// The edges between the files of a cycle.
    pub fn inside<'a>(
        &'a self,
        cycle: &[usize],
    ) -> impl Iterator<Item = ((usize, usize), &'a Edge)> {
        let edges = self.edges.iter().map(|(edge, items)| (*edge, items));
        edges.filter(|((from, to), _)| cycle.contains(from) && cycle.contains(to))
    }

    /// For every file of a cycle the smallest of its edges, as a sentence.
    fn describe(&self, cycle: &[usize]) -> String {
        let mut lines = vec![format!("a cycle of {} files:", cycle.len())];
        for file in cycle {
            let edges = self.inside(cycle).filter(|((from, _), _)| from == file);
            let smallest = edges.min_by_key(|(_, items)| items.len());
            if let Some(((from, to), items)) = smallest
                && let Some((name, at)) = items.iter().next()
                && let Some(line) = at.first()
            {
                let (from, to) = (&self.files[from], &self.files[to]);
                lines.push(format!("  {from}:{line}: names `{name}` of {to}"));
            }
        }
        lines.join("\n")
    }

    /// A sequence of moves that ends a cycle, if each item goes to a file that needs nothing of it:
    /// the number of files that the move frees, the file that defines the item, the item.
    pub fn plan(&self, cycle: &[usize]) -> Vec<(usize, usize, String)> {
        let mut moved: BTreeSet<(usize, &str)> = BTreeSet::new();
        let mut plan = Vec::new();
        loop {
            let without = |extra: Option<(usize, &str)>| {
                let is_moved = |(from, to): (usize, usize), name: &str| {
                    let is_here = cycle.contains(&from) && cycle.contains(&to);
                    !is_here || moved.contains(&(to, name)) || extra == Some((to, name))
                };
                self.cycles_without(&is_moved)
            };
            let left = without(None).concat();
            let items: BTreeSet<(usize, &str)> = self
                .inside(&left)
                .flat_map(|((_, to), items)| items.keys().map(move |name| (to, name.as_str())))
                .filter(|item| !moved.contains(item))
                .collect();
            // Where no single move frees a file, the item that most files name goes first.
            let users = |(file, name): (usize, &str)| {
                let edges = self.inside(&left);
                let edges =
                    edges.filter(|((_, to), items)| *to == file && items.contains_key(name));
                edges.count()
            };
            let value = |item| (left.len() - count(&without(Some(item))), users(item));
            let candidates = items.into_iter().map(|item| (value(item), item));
            let Some(((freed, _), item)) = candidates.max_by_key(|(value, _)| *value) else {
                return plan;
            };
            moved.insert(item);
            plan.push((freed, item.0, item.1.to_owned()));
        }
    }

    /// An order of a cycle's files in which few items are named upwards: the lowest file first.
    /// It takes away, again and again, a file that names nothing more, or the file that is named
    /// most for what it names itself.
    pub fn order(&self, cycle: &[usize]) -> Vec<usize> {
        let mut left = cycle.to_vec();
        let mut order = Vec::new();
        while !left.is_empty() {
            let weight = |file: usize| {
                let (mut incoming, mut outgoing) = (0_i64, 0_i64);
                for ((from, to), items) in self.inside(&left) {
                    let items = i64::try_from(items.len()).unwrap_or(i64::MAX);
                    incoming += if to == file { items } else { 0 };
                    outgoing += if from == file { items } else { 0 };
                }
                if outgoing == 0 {
                    i64::MAX
                } else {
                    incoming - outgoing
                }
            };
            let best = left.iter().copied().max_by_key(|file| weight(*file));
            let Some(best) = best else { break };
            left.retain(|file| *file != best);
            order.push(best);
        }
        order
    }
}

/// The number of files in cycles.
pub fn count(cycles: &[Vec<usize>]) -> usize {
    cycles.iter().map(Vec::len).sum()
}

fn reachable(next: &[Vec<usize>], file: usize) -> Vec<bool> {
    let mut reached = vec![false; next.len()];
    let mut open = next[file].clone();
    while let Some(file) = open.pop() {
        if !reached[file] {
            reached[file] = true;
            open.extend(&next[file]);
        }
    }
    reached
}

/// Modules with files in cycles.
pub fn file_cycles(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for (module, graph) in graphs(sources) {
        let cycles = graph.cycles();
        if !cycles.is_empty() {
            let described: Vec<_> = cycles.iter().map(|cycle| graph.describe(cycle)).collect();
            violations.push(format!(
                "src/{module}: {} files are in cycles; move what both sides need into a lower \
                 file.\n{}",
                count(&cycles),
                described.join("\n")
            ));
        }
    }
    violations
}

/// Every cycle with its edges, for planning.
pub fn cycle_report(sources: &[Source], only: Option<&str>) -> String {
    let mut report = String::new();
    let mut add = |line: String| {
        report.push_str(&line);
        report.push('\n');
    };
    for (module, graph) in graphs(sources) {
        if only.is_some_and(|only| only != module) {
            continue;
        }
        for cycle in graph.cycles() {
            add(format!("\n{module}: a cycle of {} files", cycle.len()));
            let order = graph.order(&cycle);
            let level = |file: usize| order.iter().position(|other| *other == file);
            add("  An order of the files, the lowest first:".to_owned());
            for file in &order {
                add(format!("    {}", graph.files[*file]));
            }
            add("  A sequence of moves that ends the cycle, each to a file that needs nothing of it:".to_owned());
            for (freed, file, item) in graph.plan(&cycle) {
                add(format!(
                    "    `{item}` out of {} (frees {freed})",
                    graph.files[file]
                ));
            }
            let mut edges: Vec<_> = graph.inside(&cycle).collect();
            edges.sort_by_key(|((from, to), items)| (level(*from) > level(*to), items.len()));
            add("  Edges against the order first, then the others, few items first:".to_owned());
            for ((from, to), items) in edges {
                let sign = if level(from) > level(to) { ' ' } else { '!' };
                let (from, to) = (&graph.files[from], &graph.files[to]);
                add(format!("  {sign} {from} -> {to}: {}", list(items)));
            }
        }
    }
    report
}

fn list(items: &Edge) -> String {
    let lines = |lines: &BTreeSet<usize>| {
        let numbers: Vec<_> = lines.iter().map(ToString::to_string).collect();
        numbers.join(",")
    };
    let items = items
        .iter()
        .map(|(name, at)| format!("{name} ({})", lines(at)));
    items.collect::<Vec<_>>().join(", ")
}
