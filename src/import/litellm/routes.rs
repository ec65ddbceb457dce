//! Model groups, their fallbacks and their aliases become routes.

use crate::import::document::{Document, ImportedOrder, RouteEntry};
use crate::import::note::ImportNote;
use crate::import::yaml::YamlNode;
use std::collections::BTreeSet;

/// One deployment as a target.
#[derive(Debug, Clone)]
pub(super) struct ImportedTarget {
    pub line: usize,
    pub group: String,
    pub provider: String,
    pub model: String,
    pub weight: Option<u32>,
    pub order: Option<u64>,
}

impl ImportedTarget {
    fn id(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

pub(super) fn add(
    root: &YamlNode,
    targets: &[ImportedTarget],
    document: &mut Document,
    notes: &mut Vec<ImportNote>,
) {
    let mut groups: Vec<&str> = Vec::new();
    for target in targets {
        if !groups.contains(&target.group.as_str()) {
            groups.push(&target.group);
        }
    }
    let fallbacks = Fallbacks::read(root, notes);
    for group in groups {
        let own: Vec<&ImportedTarget> = targets.iter().filter(|it| it.group == group).collect();
        let has_pattern = group.contains('*') || own.iter().any(|it| it.model.contains('*'));
        if has_pattern {
            pattern(group, &own, document, notes);
        } else if group == "auto" || group.starts_with("auto:") {
            let text = "left out: the name stands for all models here; give the group another name";
            notes.push(ImportNote::new(
                own[0].line,
                format!("model_list[{group}]"),
                text,
            ));
        } else {
            let reserve = fallbacks.targets(group, targets, notes);
            document.routes.push(route(group, &own, &reserve, notes));
        }
    }
    aliases(root, document, notes);
}

/// A group of all models of a vendor, or of all names that nothing else has.
fn pattern(
    group: &str,
    own: &[&ImportedTarget],
    document: &mut Document,
    notes: &mut Vec<ImportNote>,
) {
    let key = format!("model_list[{group}]");
    for target in own {
        if !target.model.contains('*') {
            if group == "*" && !has_default(document) {
                document.set(
                    "server",
                    "default_model",
                    crate::config::toml_string(&target.id()),
                );
            } else {
                let text = format!(
                    "no route: a pattern of names has no counterpart; clients reach the model as {}",
                    target.id()
                );
                notes.push(ImportNote::new(target.line, &*key, text));
            }
            continue;
        }
        if group != format!("{}/*", target.provider) {
            let text = format!(
                "clients name these models by their own names, or as {}/NAME",
                target.provider
            );
            notes.push(ImportNote::new(target.line, &*key, text));
        }
    }
}

fn has_default(document: &Document) -> bool {
    let server = document.settings.get("server");
    server.is_some_and(|settings| settings.contains_key("default_model"))
}

/// The route of a group. `reserve` serves only where no target of its own can.
fn route(
    group: &str,
    own: &[&ImportedTarget],
    reserve: &[String],
    notes: &mut Vec<ImportNote>,
) -> RouteEntry {
    let mut sorted = own.to_vec();
    let orders: BTreeSet<Option<u64>> = own.iter().map(|target| target.order).collect();
    let is_strict = orders.len() > 1;
    sorted.sort_by_key(|target| target.order.unwrap_or(u64::MAX));
    let mut targets: Vec<String> = Vec::new();
    let mut weights: Vec<u32> = Vec::new();
    for target in &sorted {
        let (id, weight) = (target.id(), target.weight.unwrap_or(1));
        if let Some(index) = targets.iter().position(|known| *known == id) {
            // Two equal deployments are one target with both shares.
            weights[index] = weights[index].saturating_add(weight);
        } else {
            targets.push(id);
            weights.push(weight);
        }
    }
    let has_weights = own.iter().any(|target| target.weight.is_some());
    let further: Vec<String> = reserve
        .iter()
        .filter(|id| !targets.contains(id))
        .cloned()
        .collect();
    let is_single = targets.len() == 1;
    let order = if is_strict || (is_single && !further.is_empty()) {
        if has_weights && is_strict {
            let text = "its weights are left out, because its deployments have an order";
            notes.push(ImportNote::new(
                own[0].line,
                format!("model_list[{group}]"),
                text,
            ));
        }
        ImportedOrder::Strict
    } else if (has_weights && !is_single && weights.iter().any(|weight| *weight > 0))
        || !further.is_empty()
    {
        let reserve = std::iter::repeat_n(0, further.len());
        ImportedOrder::Weighted(weights.into_iter().chain(reserve).collect())
    } else {
        ImportedOrder::Balanced
    };
    targets.extend(further);
    RouteEntry {
        model: group.to_owned(),
        targets,
        order,
    }
}

/// The groups that serve for others: of each group, and of all.
struct Fallbacks<'n> {
    /// Group, line and the groups that serve for it.
    own: Vec<(&'n str, usize, Vec<&'n str>)>,
    all: Vec<&'n str>,
}

impl<'n> Fallbacks<'n> {
    fn read(root: &'n YamlNode, notes: &mut Vec<ImportNote>) -> Self {
        let sections = ["router_settings", "litellm_settings"];
        let mut fallbacks = Self {
            own: Vec::new(),
            all: Vec::new(),
        };
        for name in sections {
            let Some(section) = root.get(name) else {
                continue;
            };
            let list = section.get("fallbacks").map_or(&[][..], YamlNode::items);
            for (group, others) in list.iter().flat_map(YamlNode::entries) {
                let names: Vec<&str> = others.items().iter().filter_map(YamlNode::text).collect();
                if names.len() < others.items().len() {
                    let key = format!("{name}.fallbacks[{group}]");
                    let text = "a fallback that is no name of a group is left out";
                    notes.push(ImportNote::new(others.line, key, text));
                }
                fallbacks.own.push((group, others.line, names));
            }
            let all = section
                .get("default_fallbacks")
                .map_or(&[][..], YamlNode::items);
            fallbacks.all.extend(all.iter().filter_map(YamlNode::text));
        }
        fallbacks
    }

    /// The targets that serve for a group.
    fn targets(
        &self,
        group: &str,
        targets: &[ImportedTarget],
        notes: &mut Vec<ImportNote>,
    ) -> Vec<String> {
        let own = self
            .own
            .iter()
            .filter(|(name, ..)| *name == group || *name == "*");
        let own = own.flat_map(|(_, line, names)| names.iter().map(move |name| (*line, *name)));
        let all = self.all.iter().map(|name| (0, *name));
        let mut found: Vec<String> = Vec::new();
        for (line, name) in own.chain(all).filter(|(_, name)| *name != group) {
            let members = targets
                .iter()
                .filter(|it| it.group == name && !it.model.contains('*'));
            let before = found.len();
            for target in members {
                if !found.contains(&target.id()) {
                    found.push(target.id());
                }
            }
            if found.len() == before && line > 0 && !targets.iter().any(|it| it.group == name) {
                let key = format!("fallbacks[{group}]");
                let text = format!("{name:?} is no group of the file and is left out");
                notes.push(ImportNote::new(line, key, text));
            }
        }
        found
    }
}

/// `model_group_alias`: further names of groups.
fn aliases(root: &YamlNode, document: &mut Document, notes: &mut Vec<ImportNote>) {
    for section in ["router_settings", "litellm_settings"] {
        let aliases = root.get(section).and_then(|it| it.get("model_group_alias"));
        for (alias, value) in aliases.map_or(&[][..], YamlNode::entries) {
            let group = value.text().or_else(|| value.get("model")?.text());
            let route = document
                .routes
                .iter()
                .find(|route| Some(route.model.as_str()) == group);
            let is_taken = document.routes.iter().any(|route| route.model == *alias);
            match route.cloned().filter(|_| !is_taken) {
                Some(route) => document.routes.push(RouteEntry {
                    model: alias.clone(),
                    ..route
                }),
                None => notes.push(ImportNote::new(
                    value.line,
                    format!("{section}.model_group_alias[{alias}]"),
                    "left out: it names no group of the file, or a name that is taken",
                )),
            }
        }
    }
}
