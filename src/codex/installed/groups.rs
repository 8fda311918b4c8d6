//! The tables of hooks in a file of Codex's: groups of an event, one by one, and what is trusted of them.

use toml_edit::{Array, ArrayOfTables, InlineTable, Item, Key, Table, TableLike, Value};

use super::{HELD, HookEvent, MARK, NOTE, NOTE_UNENDED, NotChanged, implicit};

/// Puts a group behind those of its event; says which it is.
pub(super) fn append(
    hooks: &mut dyn TableLike,
    event: HookEvent,
    group: InlineTable,
    note: &str,
    flat: bool,
) -> Result<usize, NotChanged> {
    let none =
        || if flat { Item::Value(Value::Array(Array::new())) } else { Item::ArrayOfTables(ArrayOfTables::new()) };
    match hooks.entry(event.name()).or_insert_with(none) {
        Item::ArrayOfTables(groups) => {
            let mut table = group.into_table();
            table.decor_mut().set_prefix(note);
            groups.push(table);
            Ok(groups.len().saturating_sub(1))
        }
        Item::Value(Value::Array(groups)) => {
            groups.push(group);
            Ok(groups.len().saturating_sub(1))
        }
        Item::None | Item::Table(_) | Item::Value(_) => Err(NotChanged::NotHooks(format!("hooks.{}", event.name()))),
    }
}

pub(super) fn trust_hash(hooks: &mut dyn TableLike, key: &str, hash: &str, flat: bool) -> Result<(), NotChanged> {
    let state = hooks.entry("state").or_insert_with(|| match flat {
        true => Item::Value(Value::InlineTable(InlineTable::new())),
        false => implicit(),
    });
    match state {
        Item::Table(state) if !state.is_dotted() => {
            let mut entry = Table::new();
            entry.insert("trusted_hash", Item::Value(hash.into()));
            state.insert(key, Item::Table(entry));
        }
        Item::Table(state) => {
            state.insert(key, Item::Value(Value::InlineTable(InlineTable::from_iter([("trusted_hash", hash)]))));
        }
        Item::Value(Value::InlineTable(state)) => {
            state.insert(key, Value::InlineTable(InlineTable::from_iter([("trusted_hash", hash)])));
        }
        Item::None | Item::Value(_) | Item::ArrayOfTables(_) => {
            return Err(NotChanged::NotHooks("hooks.state".to_owned()));
        }
    }
    Ok(())
}

/// Which groups of an event are govern's.
pub(super) fn own_places(hooks: &dyn TableLike, event: HookEvent) -> Result<Vec<usize>, NotChanged> {
    let groups = match hooks.get(event.name()) {
        None | Some(Item::None) => return Ok(Vec::new()),
        Some(Item::ArrayOfTables(groups)) => groups.len(),
        Some(Item::Value(Value::Array(groups))) => groups.len(),
        Some(Item::Table(_) | Item::Value(_)) => {
            return Err(NotChanged::NotHooks(format!("hooks.{}", event.name())));
        }
    };
    Ok((0..groups)
        .filter(|place| {
            let commands = commands(hooks, event, *place);
            !commands.is_empty() && commands.iter().all(|command| command.contains(MARK))
        })
        .collect())
}

fn group_at(hooks: &dyn TableLike, event: HookEvent, place: usize) -> Option<&dyn TableLike> {
    match hooks.get(event.name())? {
        Item::ArrayOfTables(groups) => groups.get(place).map(|group| group as &dyn TableLike),
        Item::Value(Value::Array(groups)) => groups.get(place)?.as_inline_table().map(|group| group as &dyn TableLike),
        Item::None | Item::Table(_) | Item::Value(_) => None,
    }
}

/// The hooks of a group, in order.
fn handlers(hooks: &dyn TableLike, event: HookEvent, place: usize) -> Vec<&dyn TableLike> {
    match group_at(hooks, event, place).and_then(|group| group.get("hooks")) {
        Some(Item::ArrayOfTables(hooks)) => hooks.iter().map(|hook| hook as &dyn TableLike).collect(),
        Some(Item::Value(Value::Array(hooks))) => {
            hooks.iter().filter_map(|hook| Some(hook.as_inline_table()? as &dyn TableLike)).collect()
        }
        Some(Item::None | Item::Table(_) | Item::Value(_)) | None => Vec::new(),
    }
}

pub(super) fn commands(hooks: &dyn TableLike, event: HookEvent, place: usize) -> Vec<String> {
    let command = |hook: &dyn TableLike| Some(hook.get("command")?.as_str()?.to_owned());
    handlers(hooks, event, place).into_iter().filter_map(command).collect()
}

/// Whatever else is in the hash stands as govern wrote it.
pub(super) fn is_unchanged(hooks: &dyn TableLike, event: HookEvent, place: usize) -> bool {
    let one = handlers(hooks, event, place);
    let matcher = group_at(hooks, event, place).is_some_and(|group| group.contains_key("matcher"));
    let as_written = |hook: &&dyn TableLike| {
        hook.get("timeout").and_then(Item::as_integer) == Some(i64::from(event.timeout()))
            && hook.get("statusMessage").and_then(Item::as_str) == event.gates().then_some(HELD)
            && hook.get("async").is_none()
    };
    !matcher && one.len() == 1 && one.iter().all(as_written)
}

pub(super) fn take_out(hooks: &mut dyn TableLike, event: HookEvent, place: usize, flat: bool) {
    let empty = match hooks.get_mut(event.name()) {
        Some(Item::ArrayOfTables(groups)) => {
            groups.remove(place);
            groups.is_empty()
        }
        Some(Item::Value(Value::Array(groups))) => {
            groups.remove(place);
            // Elsewhere it was there before.
            groups.is_empty() && flat
        }
        Some(Item::None | Item::Table(_) | Item::Value(_)) | None => false,
    };
    if empty {
        hooks.remove(event.name());
    }
}

/// The trust in a group goes with it; that in later ones moves up with them.
pub(super) fn forget_hash(hooks: &mut dyn TableLike, file: &str, event: HookEvent, place: usize) {
    let Some(state) = hooks.get_mut("state").and_then(Item::as_table_like_mut) else { return };
    let prefix = format!("{file}:{}:", event.key());
    let group_of = |key: &str| key.strip_prefix(&prefix)?.split_once(':')?.0.parse::<usize>().ok();
    let mut later: Vec<(usize, String)> =
        state.iter().filter_map(|(key, _)| Some((group_of(key)?, key.to_owned()))).collect();
    later.retain(|(group, _)| *group >= place);
    later.sort_unstable();
    for (group, key) in later {
        let Some(item) = state.remove(&key) else { continue };
        if group > place {
            let rest = key.get(prefix.len()..).and_then(|rest| rest.split_once(':')).map_or("0", |(_, rest)| rest);
            let moved = format!("{prefix}{}:{rest}", group.saturating_sub(1));
            state.entry_format(&Key::new(moved)).or_insert(item);
        }
    }
}

/// Drops a table that govern made and that holds nothing any more; at least its header, if that is govern's.
pub(super) fn drop_if_bare(table: &mut dyn TableLike, name: &str) {
    let noted = |prefix: &str| [NOTE, NOTE_UNENDED].iter().any(|note| prefix.ends_with(note));
    let bare = match table.get_mut(name) {
        Some(Item::Table(inner)) => {
            if inner.decor().prefix().and_then(|prefix| prefix.as_str()).is_some_and(noted) {
                inner.set_implicit(true);
            }
            inner.is_empty() && (inner.is_implicit() || inner.is_dotted())
        }
        Some(Item::Value(Value::InlineTable(inner))) => name == "state" && inner.is_empty(),
        Some(Item::None | Item::Value(_) | Item::ArrayOfTables(_)) | None => false,
    };
    if bare {
        table.remove(name);
    }
}
