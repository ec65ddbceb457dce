//! Finds the file that defines what a path means, through `use` and re-exports.

use std::collections::BTreeMap;

use super::items::{FileItems, Item, Scope, TYPE_KEYWORDS};
use super::source::Source;

/// The crate as far as names need it.
#[derive(Debug)]
pub struct Resolver<'a> {
    pub files: Vec<(&'a Source, FileItems<'a>)>,
    modules: Vec<Module<'a>>,
    /// From a module's path below the crate to its place in `modules`.
    by_path: BTreeMap<String, usize>,
}

/// One module, of a file or inline.
#[derive(Debug, Default)]
struct Module<'a> {
    path: String,
    items: BTreeMap<&'a str, Vec<Definition<'a>>>,
    /// The names that `use` brings into scope, with their paths.
    imports: BTreeMap<&'a str, Vec<Vec<&'a str>>>,
    globs: Vec<Vec<&'a str>>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entity<'a> {
    Module(usize),
    Item(Definition<'a>),
}

/// An item and the file that defines it, as its place in `Resolver::files`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Definition<'a> {
    pub file: usize,
    pub name: &'a str,
    pub keyword: &'a str,
}

/// The imports that a search has followed, so that two that name each other end.
type Followed<'a> = Vec<(usize, Vec<&'a str>)>;

impl<'a> Resolver<'a> {
    /// Reads the files of `src` that are compiled outside tests.
    pub fn new(sources: &'a [Source]) -> Self {
        let is_code = |source: &&Source| source.path.starts_with("src/") && !source.is_test;
        let read = |source| (source, FileItems::read(source));
        let mut resolver = Self {
            files: sources.iter().filter(is_code).map(read).collect(),
            modules: vec![Module::default()],
            by_path: BTreeMap::from([(String::new(), 0)]),
        };
        for file in 0..resolver.files.len() {
            resolver.add(file);
        }
        resolver
    }

    fn add(&mut self, file: usize) {
        let (source, read) = &self.files[file];
        let base = module_path(source);
        let modules = &mut self.modules;
        let by_path = &mut self.by_path;
        let mut module_of = |inside: &[&str]| {
            let path = inside
                .iter()
                .fold(base.clone(), |path, name| join(&path, name));
            *by_path.entry(path.clone()).or_insert_with(|| {
                modules.push(Module {
                    path,
                    ..Module::default()
                });
                modules.len() - 1
            })
        };
        module_of(&[]);
        let is_of_module = |item: &&Item| item.scope == Scope::Module;
        let items: Vec<_> = read.items.iter().filter(is_of_module).collect();
        let item_modules: Vec<_> = items.iter().map(|item| module_of(&item.inside)).collect();
        let imports = &read.imports;
        let import_modules: Vec<_> = imports.iter().map(|one| module_of(&one.inside)).collect();
        for (item, module) in items.into_iter().zip(item_modules) {
            let definition = Definition {
                file,
                name: item.name,
                keyword: item.keyword,
            };
            let same_name = modules[module].items.entry(item.name).or_default();
            same_name.push(definition);
        }
        for (import, module) in imports.iter().zip(import_modules) {
            let (module, path) = (&mut modules[module], import.path.clone());
            match import.name {
                "*" => module.globs.push(path),
                name => module.imports.entry(name).or_default().push(path),
            }
        }
    }

    /// Everything that a path in a file leads to: nothing for other crates and for local names.
    pub fn resolve(&self, file: usize, inside: &[&str], path: &[&'a str]) -> Vec<Entity<'a>> {
        let base = module_path(self.files[file].0);
        let module = inside.iter().fold(base, |path, name| join(&path, name));
        let module = self.by_path.get(&module);
        module.map_or(Vec::new(), |module| {
            self.follow(*module, path, &mut Vec::new())
        })
    }

    fn follow(
        &self,
        module: usize,
        path: &[&'a str],
        followed: &mut Followed<'a>,
    ) -> Vec<Entity<'a>> {
        let Some((head, mut rest)) = path.split_first() else {
            return Vec::new();
        };
        let mut here = self.modules[module].path.clone();
        let mut entities = match *head {
            "crate" => self.module("").into_iter().collect(),
            "self" => vec![Entity::Module(module)],
            "super" => {
                here = parent(&here);
                while let Some((&"super", next)) = rest.split_first() {
                    here = parent(&here);
                    rest = next;
                }
                self.module(&here).into_iter().collect()
            }
            name => self.find(module, name, followed),
        };
        for segment in rest {
            let mut next = Vec::new();
            for entity in entities {
                match entity {
                    Entity::Module(module) => next.extend(self.find(module, segment, followed)),
                    // A variant or an associated item belongs to its type.
                    Entity::Item(item) if TYPE_KEYWORDS.contains(&item.keyword) => {
                        next.push(entity);
                    }
                    Entity::Item(_) => {}
                }
            }
            entities = next;
        }
        entities.sort_unstable();
        entities.dedup();
        entities
    }

    fn module(&self, path: &str) -> Option<Entity<'a>> {
        self.by_path.get(path).map(|module| Entity::Module(*module))
    }

    /// What a name means inside a module.
    fn find(&self, at: usize, name: &'a str, followed: &mut Followed<'a>) -> Vec<Entity<'a>> {
        let module = &self.modules[at];
        let items = module.items.get(name).into_iter().flatten();
        let mut found: Vec<_> = items.copied().map(Entity::Item).collect();
        found.extend(self.module(&join(&module.path, name)));
        let imports = module.imports.get(name).into_iter().flatten();
        found.extend(imports.flat_map(|path| self.through(at, path, None, followed)));
        if found.is_empty() {
            let globs = module.globs.iter();
            found.extend(globs.flat_map(|path| self.through(at, path, Some(name), followed)));
        }
        found
    }

    /// Follows an import, or looks for a name in the module that a glob imports.
    fn through(
        &self,
        at: usize,
        path: &[&'a str],
        name: Option<&'a str>,
        followed: &mut Followed<'a>,
    ) -> Vec<Entity<'a>> {
        let mut full = path.to_vec();
        full.extend(name);
        let step = (at, full.clone());
        if followed.contains(&step) {
            return Vec::new();
        }
        followed.push(step);
        let found = self.follow(at, &full, followed);
        followed.pop();
        // The variants of an enum that a glob imports are not told apart from unknown names.
        let is_known = |entity: &Entity| match (name, entity) {
            (Some(name), Entity::Item(item)) => item.name == name,
            _ => true,
        };
        found.into_iter().filter(is_known).collect()
    }
}

/// The path of a file's module below the crate: `engine::run`, nothing for `lib.rs`.
fn module_path(source: &Source) -> String {
    let inside = source.path.strip_prefix("src/").unwrap_or(&source.path);
    let stem = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    match stem {
        "lib" => String::new(),
        stem => stem.replace('/', "::"),
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}::{name}"),
    }
}

fn parent(path: &str) -> String {
    path.rsplit_once("::")
        .map_or(String::new(), |(parent, _)| parent.to_owned())
}
