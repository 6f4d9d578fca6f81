//! Values on their way to PostgreSQL and rows on their way back, in its binary forms.

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::super::value::{Row, Value};
use crate::CatalogError;
use crate::error::Cause;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Cause> {
        match self {
            Self::Null(_) => Ok(IsNull::Yes),
            Self::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Self::Int(number) if *ty == Type::INT8 => number.to_sql(ty, out),
            Self::Text(text) if <&str as ToSql>::accepts(ty) => text.to_sql(ty, out),
            Self::Bytes(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            Self::Int(_) | Self::Text(_) | Self::Bytes(_) => {
                Err(format!("the statement wants a parameter of type {ty} and was given another").into())
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column as it came over the wire.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Cause> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Copies a row of PostgreSQL.
pub(super) fn read(row: &tokio_postgres::Row) -> Result<Row, CatalogError> {
    let mut copy = Row::with_columns(row.len());
    for (i, column) in row.columns().iter().enumerate() {
        let raw: Option<Raw<'_>> = row
            .try_get(i)
            .map_err(|error| CatalogError::Database(error.into()))?;
        match raw {
            None => copy.push_null(),
            Some(Raw(raw)) => push(&mut copy, column.type_(), raw)
                .map_err(|cause| CatalogError::Database(format!("column {i}: {cause}").into()))?,
        }
    }
    Ok(copy)
}

fn push(row: &mut Row, ty: &Type, raw: &[u8]) -> Result<(), Cause> {
    match *ty {
        Type::INT8 => row.push_int(i64::from_sql(ty, raw)?),
        Type::INT4 => row.push_int(i32::from_sql(ty, raw)?.into()),
        Type::INT2 => row.push_int(i16::from_sql(ty, raw)?.into()),
        Type::BOOL => row.push_int(bool::from_sql(ty, raw)?.into()),
        Type::BYTEA => row.push_bytes(raw),
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR | Type::UNKNOWN => row.push_text(raw),
        Type::VOID => row.push_null(),
        _ => return Err(format!("no row of ours holds the type {ty}; cast it in the statement").into()),
    }
    Ok(())
}
