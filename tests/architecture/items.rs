//! Reads the items, the `use` trees and the paths of one file, test code left out.

use super::source::Source;

/// What stands inside one file, in the order of the text.
#[derive(Debug, Default)]
pub struct FileItems<'a> {
    pub items: Vec<Item<'a>>,
    pub imports: Vec<Import<'a>>,
    pub paths: Vec<PathUse<'a>>,
}

/// A definition: a type, a function, a constant, a static or a macro.
#[derive(Debug)]
pub struct Item<'a> {
    pub name: &'a str,
    /// The keyword that defines it: `struct`, `fn`, `const`.
    pub keyword: &'a str,
    pub visibility: Visibility,
    pub scope: Scope,
    /// The inline modules around it, outermost first.
    pub inside: Vec<&'a str>,
    pub line: usize,
}

/// One name that a `use` tree brings into scope, or one glob.
#[derive(Debug)]
pub struct Import<'a> {
    /// The name in this file; `*` for a glob, `_` for an import without a name.
    pub name: &'a str,
    pub path: Vec<&'a str>,
    pub is_reexport: bool,
    pub inside: Vec<&'a str>,
    pub line: usize,
}

/// A path in an expression or a type; most have one segment.
#[derive(Debug)]
pub struct PathUse<'a> {
    pub path: Vec<&'a str>,
    pub inside: Vec<&'a str>,
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    Private,
    /// `pub(crate)`, `pub(super)`, `pub(in …)`.
    Restricted,
    Public,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Module,
    /// In an `impl` or a `trait`.
    Associated,
    /// In the body of a function, a type or a macro.
    Local,
}

/// The keywords that define a type.
pub const TYPE_KEYWORDS: &[&str] = &["struct", "enum", "trait", "type", "union"];

/// The keywords that define something with a name, modules aside.
const ITEM_KEYWORDS: &[&str] = &[
    "struct", "enum", "trait", "type", "union", "fn", "const", "static",
];

/// What may stand directly before an item; `use<'a>` in a signature has none of these.
const BEFORE_ITEM: &[&str] = &[
    "", "{", "}", ";", "]", ")", "pub", "unsafe", "async", "const", "extern", "default",
];

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> FileItems<'a> {
    pub fn read(source: &'a Source) -> Self {
        let mut scanner = Scanner {
            tokens: tokens(source),
            at: 0,
            scopes: Vec::new(),
            inside: Vec::new(),
            next_scope: Scope::Local,
            found: Self::default(),
        };
        while scanner.at < scanner.tokens.len() {
            scanner.step();
        }
        scanner.found
    }
}

struct Scanner<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// One for every open brace.
    scopes: Vec<Scope>,
    inside: Vec<&'a str>,
    /// The scope that the next brace opens.
    next_scope: Scope,
    found: FileItems<'a>,
}

impl<'a> Scanner<'a> {
    fn step(&mut self) {
        let token = self.tokens[self.at];
        let is_item = BEFORE_ITEM.contains(&self.text(-1));
        match token.text {
            "{" => {
                self.scopes.push(self.next_scope);
                self.next_scope = Scope::Local;
            }
            "}" if self.scopes.pop() == Some(Scope::Module) => {
                self.inside.pop();
            }
            ";" => self.next_scope = Scope::Local,
            "use" if is_item => return self.import(),
            "mod" if is_item && is_name(self.text(1)) => return self.module(),
            "impl" if is_item => self.next_scope = Scope::Associated,
            "macro_rules" if self.text(1) == "!" => {
                self.at += 2;
                self.define("macro");
            }
            keyword if is_item && ITEM_KEYWORDS.contains(&keyword) && self.is_definition() => {
                if keyword == "trait" {
                    self.next_scope = Scope::Associated;
                }
                self.at += 1;
                self.define(keyword);
            }
            text if is_name(text) => return self.path(),
            _ => {}
        }
        self.at += 1;
    }

    /// The text of the token so many steps away; nothing beyond the ends of the file.
    fn text(&self, steps: isize) -> &'a str {
        let token = self.at.checked_add_signed(steps);
        token
            .and_then(|at| self.tokens.get(at))
            .map_or("", |token| token.text)
    }

    fn scope(&self) -> Scope {
        self.scopes.last().copied().unwrap_or(Scope::Module)
    }

    /// Whether the keyword here is followed by the name that it defines.
    fn is_definition(&self) -> bool {
        let name = self.text(1);
        // `union` is a keyword only here, and `const fn` defines a function.
        let is_union = self.text(0) != "union" || matches!(self.text(2), "{" | "<");
        is_name(name) && is_union && !["fn", "unsafe", "async", "extern"].contains(&name)
    }

    fn define(&mut self, keyword: &'a str) {
        let token = self.tokens[self.at];
        self.found.items.push(Item {
            name: token.text,
            keyword,
            visibility: self.visibility(),
            scope: self.scope(),
            inside: self.inside.clone(),
            line: token.line,
        });
    }

    /// What stands before the keyword of the item whose name is here.
    fn visibility(&self) -> Visibility {
        let mut back = -2;
        while ["const", "unsafe", "async", "extern"].contains(&self.text(back)) {
            back -= 1;
        }
        match self.text(back) {
            "pub" => Visibility::Public,
            ")" => {
                while !matches!(self.text(back), "" | "(") {
                    back -= 1;
                }
                match self.text(back - 1) {
                    "pub" => Visibility::Restricted,
                    _ => Visibility::Private,
                }
            }
            _ => Visibility::Private,
        }
    }

    /// `mod name;` names a file; `mod name {` is a module of this one.
    fn module(&mut self) {
        let name = self.text(1);
        if self.text(2) == "{" {
            self.inside.push(name);
            self.scopes.push(Scope::Module);
        }
        self.at += 3;
    }

    fn import(&mut self) {
        let is_reexport = matches!(self.text(-1), "pub" | ")");
        self.at += 1;
        self.tree(&[], is_reexport);
        while !matches!(self.text(0), ";" | "") {
            self.at += 1;
        }
    }

    /// Reads one entry of a `use` tree up to the `,`, `}` or `;` behind it.
    fn tree(&mut self, parents: &[&'a str], is_reexport: bool) {
        let mut path = parents.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.text(0) {
                "::" => {}
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | ";" | "") {
                        self.tree(&path, is_reexport);
                        if self.text(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "self" if !path.is_empty() => {}
                "as" | "," | "}" | ";" | "" => break,
                segment => path.push(segment),
            }
            self.at += 1;
        }
        let mut name = path.last().copied().unwrap_or("");
        if name == "*" {
            path.pop();
        }
        if self.text(0) == "as" {
            name = self.text(1);
            self.at += 2;
        }
        self.found.imports.push(Import {
            name,
            path,
            is_reexport,
            inside: self.inside.clone(),
            line,
        });
    }

    fn path(&mut self) {
        let token = self.tokens[self.at];
        // Behind a dot is a field or a method, before a lone colon a field or a binding.
        let is_member = matches!(self.text(-1), "." | "::");
        let is_binding = matches!(self.text(-1), "let" | "mut" | "ref" | "for");
        let mut path = vec![token.text];
        self.at += 1;
        while self.text(0) == "::" && is_name(self.text(1)) {
            path.push(self.text(1));
            self.at += 2;
        }
        let is_label = path.len() == 1 && matches!(self.text(0), ":" | "!");
        // No function has a method or stands in a `let`: such a name is a variable.
        let is_lowercase = path.len() == 1 && token.text.starts_with(char::is_lowercase);
        let is_variable = is_lowercase && (self.text(0) == "." || is_binding);
        if !is_member && !is_label && !is_variable {
            self.found.paths.push(PathUse {
                path,
                inside: self.inside.clone(),
                line: token.line,
            });
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The words and signs of a file's code, without lifetimes and without test code.
fn tokens(source: &Source) -> Vec<Token<'_>> {
    let code = source.code.as_str();
    let mut tokens = Vec::new();
    if source.is_test {
        return tokens;
    }
    let (mut at, mut line) = (0, 1);
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let end = |rest: &str| {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        };
        let word = end(rest);
        let length = match first {
            _ if word > 0 => word,
            '\'' => 1 + end(&rest[1..]),
            '#' if rest.starts_with("#[cfg(") => source.test_length_at(at).unwrap_or(1),
            ':' if rest.starts_with("::") => 2,
            '.' if rest.starts_with("..") => 2,
            _ => first.len_utf8(),
        };
        let text = &rest[..length];
        let is_left_out = first.is_whitespace() || first == '\'' || text.starts_with("#[cfg(");
        if !is_left_out {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        at += length;
    }
    tokens
}
