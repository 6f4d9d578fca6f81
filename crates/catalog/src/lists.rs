//! Lists within statements: of values, and of rows that are put in.

use std::fmt::Write as _;

use crate::db::Value;

/// Appends `values` to the parameters and returns their place holders, filled up to a few sizes so that few statements
/// are prepared. There must be at most [`CHUNK`](crate::listings::CHUNK) of them, and one at the least.
pub(crate) fn holders(params: &mut Vec<Value>, values: Vec<Value>) -> String {
    let size = [1, 8, 32, crate::listings::CHUNK]
        .into_iter()
        .find(|size| *size >= values.len())
        .unwrap_or(values.len());
    let missing = size - values.len();
    let filler = values.last().cloned();
    let mut list = String::new();
    for value in values.into_iter().chain(filler.into_iter().cycle().take(missing)) {
        params.push(value);
        let comma = if list.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(list, "{comma}${}", params.len());
    }
    list
}

/// The place holders of `rows` rows of `width` values: `($1, $2), ($3, $4)`.
pub(crate) fn rows(rows: usize, width: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}${}", row * width + column + 1);
        }
        text.push(')');
    }
    text
}
