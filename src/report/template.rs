//! Reports by template (MiniJinja, the notation of Jinja2): the engine behind the tickets and the user's own templates.
//!
//! A template sees the report as the JSON contract has it, with the words of the other renderers beside it (`words`).
//! Whatever it prints is made harmless for the markup that the end of the template's name tells.

mod context;
mod filters;
mod markup;

use std::io::Write;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

pub use self::context::{Shown, report};
pub use self::markup::Markup;
use super::phrases;
use super::units::Clock;

/// A template whose syntax is right.
pub struct Template {
    name: String,
    source: String,
}

/// How a template prints values.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Shows times.
    pub clock: Clock,
    /// Characters of a value at most; what is longer is cut, and the cut is said.
    pub longest: usize,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template is wrong.
    #[error("{name}:{line}: {problem}")]
    Wrong {
        /// Name of the template.
        name: String,
        /// Line of it, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// What it makes cannot be written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

impl Template {
    /// Reads the template `source`, whose markup the end of its `name` tells.
    ///
    /// # Errors
    /// If its syntax is wrong.
    pub fn parse(name: &str, source: String) -> Result<Self, TemplateError> {
        environment(name)?.template_from_named_str(name, &source).map_err(|error| wrong(name, &error))?;
        Ok(Self { name: name.to_owned(), source })
    }

    /// Renders what a report holds, see [`report`].
    ///
    /// # Errors
    /// If the template asks for what is not there, or if `out` cannot be written.
    pub fn render(&self, context: Value, style: Style, out: &mut impl Write) -> Result<(), TemplateError> {
        let mut environment = environment(&self.name)?;
        filters::add(&mut environment, style);
        environment.set_formatter(move |out, state, value| {
            if value.is_undefined() {
                return Err(ErrorKind::UndefinedError.into());
            }
            Ok(out.write_str(&markup::printed(Markup::of(state), value, style.longest))?)
        });
        let template = environment.template_from_named_str(&self.name, &self.source);
        let rendered = template.and_then(|template| template.render_captured_to(context, out).map(drop));
        rendered.map_err(|error| match write_failure(&error) {
            Some(failure) => TemplateError::Write(failure),
            None => wrong(&self.name, &error),
        })
    }
}

fn environment(name: &str) -> Result<Environment<'static>, TemplateError> {
    // Tags on lines of their own leave nothing behind.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    let mut environment = Environment::new();
    environment.set_syntax(syntax.map_err(|error| wrong(name, &error))?);
    // A field that is not there is an error: a report with holes in it misleads.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| AutoEscape::Custom(Markup::of_file(name).name().into()));
    Ok(environment)
}

/// The failure to write behind an error of the engine.
fn write_failure(error: &minijinja::Error) -> Option<std::io::Error> {
    let source = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    Some(std::io::Error::new(source.kind(), source.to_string()))
}

fn wrong(name: &str, error: &minijinja::Error) -> TemplateError {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let problem = format!("{}{detail}", error.kind());
    TemplateError::Wrong { name: error.name().unwrap_or(name).to_owned(), line: error.line().unwrap_or(1), problem }
}

#[cfg(test)]
mod tests;
