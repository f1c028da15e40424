//! `imageExtractors`: where custom resources keep their images.

use super::error::{Problem, SettingsError};
use super::fields::EXTRACTOR;
use super::reader::{Mapping, Node};
use crate::limits::MAX_LIST_ITEMS;
use crate::workload::{Extractor, ExtractorKind, ExtractorPath};

pub(super) fn extractors(settings: &Mapping<'_>) -> Result<Vec<Extractor>, SettingsError> {
    let Some(node) = settings.get("imageExtractors") else { return Ok(Vec::new()) };
    node.entries(MAX_LIST_ITEMS)?.into_iter().map(|(kind, paths)| extractor(&kind, paths)).collect()
}

fn extractor(kind: &str, node: Node<'_>) -> Result<Extractor, SettingsError> {
    let wrong = |why| node.error(Problem::Extractor { found: kind.to_owned(), why });
    let parsed = ExtractorKind::parse(kind).map_err(&wrong)?;
    let paths = node.clone().list(MAX_LIST_ITEMS)?.into_iter().map(path).collect::<Result<_, _>>()?;
    Ok(Extractor { kind: parsed, paths })
}

fn path(node: Node<'_>) -> Result<ExtractorPath, SettingsError> {
    let extractor = node.mapping(&EXTRACTOR)?;
    let path = extractor.required("path")?;
    let value = extractor.get("value").map(|node| node.text()).transpose()?;
    let text = path.text()?;
    ExtractorPath::parse(text, value)
        .map_err(|why| path.error(Problem::Extractor { found: text.to_owned(), why }))
}
