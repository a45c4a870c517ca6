//! How large may a document be? Checked before anything walks over it in full.

use std::collections::HashMap;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Operation, Selection, SelectionSet};

use crate::error::{Code, Error};

/// Limits on documents.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Tokens.
    pub tokens: usize,
    /// Braces, brackets and parentheses within each other.
    pub nesting: usize,
    /// Fields selected, once all fragments are written out.
    pub fields: usize,
    /// Selections within each other, once all fragments are written out.
    pub depth: usize,
}

/// As the settings are if nobody sets them.
impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, tokens: 10_000, nesting: 64, fields: 5_000, depth: 24 }
    }
}

impl Limits {
    /// Refuses text that is too long to be parsed at all.
    pub(super) fn check_text(&self, text: &str) -> Result<(), Error> {
        if text.len() <= self.bytes {
            return Ok(());
        }
        let message = format!(
            "the document has {} bytes; {} are allowed (setting: --max-document-bytes)",
            text.len(),
            self.bytes
        );
        Err(Error::new(Code::DocumentTooLarge, message))
    }

    /// What the parser ran into, if it was one of these limits.
    pub(super) fn exceeded_in_parsing(&self, message: &str) -> Option<Error> {
        if message.contains("token limit reached") {
            let message = format!("the document has more than {} tokens (setting: --max-tokens)", self.tokens);
            return Some(Error::new(Code::TokensLimit, message));
        }
        message.contains("recursion limit reached").then(|| {
            let message = format!("the document nests more than {} levels deep (setting: --max-nesting)", self.nesting);
            Error::new(Code::NestingLimit, message)
        })
    }

    /// Refuses operations that grow too large or too deep when their fragments are written out. Every
    /// fragment is measured once, so fragments that double each other cost nothing here.
    pub(super) fn check_expansion(&self, document: &ExecutableDocument, operation: &Operation) -> Result<(), Error> {
        let mut measured = HashMap::new();
        let size = measure(document, &operation.selection_set, &mut measured);
        if size.fields > self.fields {
            let message = format!(
                "the operation selects {} fields, its fragments written out; {} are allowed (setting: --max-fields)",
                size.fields, self.fields
            );
            return Err(Error::new(Code::FieldsLimit, message));
        }
        if size.depth > self.depth {
            let message = format!(
                "the operation selects {} levels deep; {} are allowed (setting: --max-depth)",
                size.depth, self.depth
            );
            return Err(Error::new(Code::DepthLimit, message));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    fields: usize,
    depth: usize,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.depth = self.depth.max(other.depth);
    }
}

/// Recursion is bounded: the parser limits nesting, validation refuses fragments that contain themselves.
fn measure<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    fragments: &mut HashMap<&'a str, Size>,
) -> Size {
    let mut size = Size::default();
    for selection in &set.selections {
        size.add(match selection {
            Selection::Field(field) => {
                let inner = measure(document, &field.selection_set, fragments);
                Size { fields: inner.fields.saturating_add(1), depth: inner.depth + 1 }
            }
            Selection::InlineFragment(fragment) => measure(document, &fragment.selection_set, fragments),
            Selection::FragmentSpread(spread) => match fragments.get(spread.fragment_name.as_str()) {
                Some(size) => *size,
                None => {
                    let fragment = spread.fragment_def(document);
                    let inner = fragment.map_or(Size::default(), |f| measure(document, &f.selection_set, fragments));
                    fragments.insert(spread.fragment_name.as_str(), inner);
                    inner
                }
            },
        });
    }
    size
}
