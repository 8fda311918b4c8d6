//! What a single run declares by its flags.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fleet::tier::{model_of, on_model};
use crate::model::quantity::quantity_hint;
use crate::model::{Quantity, Registration, Unit};
use crate::policy::rule::Models;

/// What a run declares before it starts; none of it is a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Declares {
    /// `--expect`: what it is expected to take.
    #[serde(default)]
    pub(crate) expect: Vec<String>,
    /// `--model-tier`: the tier of the policy's models that it starts on.
    #[serde(default)]
    pub(crate) model_tier: Option<String>,
}

impl Declares {
    /// As the governor reads it.
    ///
    /// # Errors
    ///
    /// What is no amount, cannot be expected, or is said twice.
    pub(crate) fn registration(&self) -> Result<Registration> {
        let mut said = Registration { tier: self.model_tier.clone(), ..Registration::default() };
        for text in &self.expect {
            let wrong = |why: &str| Error::new(format!("`--expect {text}` {why}")).exit(Exit::Usage);
            let quantity =
                Quantity::parse(text).map_err(|error| wrong(&error.to_string()).hint(quantity_hint(text)))?;
            let before = match quantity.unit {
                Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok => said.spend.replace(quantity).is_some(),
                Unit::Minutes => said.minutes.replace(quantity).is_some(),
                Unit::Responses => said.responses.replace(quantity.amount.unsigned_abs()).is_some(),
                Unit::ToolCalls => {
                    return Err(wrong("cannot be expected").hint("expect money or tokens, responses or minutes"));
                }
            };
            if before {
                return Err(wrong("is expected twice").hint("say spend, responses and minutes once each"));
            }
        }
        Ok(said)
    }

    /// The command on the model of the tier, if one was asked for; else as it is.
    ///
    /// # Errors
    ///
    /// A refusal: there is no such tier, or this command takes no model.
    pub(crate) fn command(&self, command: &[OsString], models: &Models) -> Result<Vec<OsString>> {
        let Some(tier) = &self.model_tier else { return Ok(command.to_vec()) };
        let started = model_of(tier, models).and_then(|model| on_model(command, model));
        started.map_err(|error| Error::new(format!("refused to start: {error}")).hint(error.hint()).exit(Exit::Refused))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::ModelId;
    use crate::policy::layers::{FlagRules, load};

    fn declares(expect: &[&str], tier: Option<&str>) -> Declares {
        let expect = expect.iter().map(|text| (*text).to_owned()).collect();
        Declares { expect, model_tier: tier.map(str::to_owned) }
    }

    #[test]
    fn what_is_expected_is_told_apart_by_its_unit() {
        let said = declares(&["2usd", "40 responses", "20 minutes"], Some("cheap")).registration().unwrap();
        assert_eq!(said.spend, Quantity::parse("$2").ok());
        assert_eq!((said.responses, said.minutes), (Some(40), Quantity::parse("20min").ok()));
        assert_eq!(said.tier.as_deref(), Some("cheap"));
        for (expect, message) in [
            (&["much"][..], "`--expect much` is not a quantity"),
            (&["3 tool calls"], "`--expect 3 tool calls` cannot be expected"),
            (&["2usd", "9ktok"], "`--expect 9ktok` is expected twice"),
        ] {
            let error = declares(expect, None).registration().unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.exit_code(), Exit::Usage);
        }
    }

    #[test]
    fn a_tier_names_the_model_of_a_codex_that_names_none() {
        let mut models = load(Vec::new(), FlagRules::default()).unwrap().policy.models;
        let cheap = ("cheap".to_owned(), ModelId::from("gpt-6-luna"));
        let on = |line: &str, tier: &str, models: &Models| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let started = declares(&[], Some(tier)).command(&words, models);
            started.map(|words| words.join(" ".as_ref()).into_string().unwrap()).map_err(|error| error.to_string())
        };
        let said = on("codex exec go", "cheap", &models).unwrap_err();
        assert!(said.contains("there is no tier `cheap`") && said.contains("[models]"), "{said}");
        models.tiers = BTreeMap::from([cheap]);
        for (line, started) in [
            ("codex", "codex -m gpt-6-luna"),
            ("codex exec go", "codex exec -m gpt-6-luna go"),
            ("codex --search exec -i a.png -- go", "codex --search exec -m gpt-6-luna -i a.png -- go"),
            ("env A=b npx @openai/codex resume T1", "env A=b npx @openai/codex resume -m gpt-6-luna T1"),
            ("codex -p fast exec resume --last go", "codex -p fast exec resume -m gpt-6-luna --last go"),
        ] {
            assert_eq!(on(line, "cheap", &models).as_deref(), Ok(started));
        }
        for (line, tier, message) in [
            ("codex exec go", "cheep", "did you mean `cheap`?"),
            ("codex exec -m o3 go", "cheap", "its command line asks for `o3` already"),
            ("codex -c model=o3 exec go", "cheap", "its command line asks for `o3` already"),
            ("codex exec --oss go", "cheap", "it runs a model of this machine"),
            ("codex review", "cheap", "`codex review` takes no model"),
            ("codex login", "cheap", "`codex login` takes no model"),
            ("make agent", "cheap", "`make` is not Codex itself"),
        ] {
            let said = on(line, tier, &models).unwrap_err();
            assert!(said.contains(message), "{said}");
        }
    }
}
