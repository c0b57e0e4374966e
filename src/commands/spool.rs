//! Sources that can be read more than once.

use std::fs::File;
use std::io;

use super::Error;
use super::read::Source;
use crate::capture::{self, Input, Spool};

/// `source`, in a form that gives the same packets however often it is read: standard input and pipes are read to their
/// end and kept in a temporary file, as large as what they give, which is gone when the last copy of the result is.
///
/// # Errors
/// If one of them cannot be opened, or if there is no room for what it gives.
pub fn repeatable(source: &Source) -> Result<Source, Error> {
    let inputs = source.inputs.iter().map(|input| match input {
        Input::Stdin => keep(input.name(), &mut io::stdin().lock()),
        Input::Path(path) if is_pipe(input) => {
            #[expect(clippy::disallowed_methods, reason = "the edge: what is opened here is only kept")]
            let mut file = File::open(path).map_err(|source| capture::Error::Open { name: input.name(), source })?;
            keep(input.name(), &mut file)
        }
        Input::Path(_) | Input::Spool(_) => Ok(input.clone()),
    });
    Ok(Source { inputs: inputs.collect::<Result<_, _>>()?, ..source.clone() })
}

fn keep(name: String, from: &mut impl io::Read) -> Result<Input, Error> {
    Spool::keep(name.clone(), from).map(Input::Spool).map_err(|source| no_room(name, source))
}

/// What is to be kept in a temporary file cannot be.
pub(super) fn no_room(name: String, source: io::Error) -> Error {
    Error::Spool { name, folder: std::env::temp_dir().display().to_string(), source }
}

/// Whether the path leads to something that is neither a file nor a folder.
fn is_pipe(input: &Input) -> bool {
    match input {
        Input::Path(path) => std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()),
        _ => false,
    }
}
