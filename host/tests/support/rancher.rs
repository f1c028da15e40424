//! Rancher's form, as its extension for Kubewarden makes settings of it: `Questions/index.vue`, `SequenceTree.vue` and
//! `removeEmptyAttrs`. What it shows, what it writes unasked, what editing changes, and what it leaves out on saving.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};

/// The form, opened.
pub(crate) struct Form {
    questions: Vec<Value>,
    settings: Value,
}

impl Form {
    /// Opens the form on settings: none for a new policy.
    pub(crate) fn open(questions: &Value, settings: Value) -> Self {
        let mut form = Self { questions: questions.as_array().unwrap().clone(), settings };
        form.render();
        form
    }

    /// Changes an answer.
    pub(crate) fn answer(&mut self, variable: &str, answer: Value) {
        let before = self.lists();
        assert!(self.shown().iter().any(|question| question["variable"] == variable), "{variable}");
        set(&mut self.settings, variable, answer);
        // Where another list with the same variable is shown now, it begins with its default.
        for list in self.lists() {
            let variable = list["variable"].as_str().unwrap();
            if before.iter().any(|other| other["variable"] == variable && *other != list) {
                set(&mut self.settings, variable, list["default"].clone());
            }
        }
        self.render();
    }

    /// Adds an item to a list, with the defaults of its questions.
    pub(crate) fn add(&mut self, variable: &str) {
        let list = self.list(variable);
        let mut item = json!({});
        for question in list["sequence_questions"].as_array().unwrap() {
            if let Some(default) = question.get("default") {
                item[question["variable"].as_str().unwrap()] = default.clone();
            }
        }
        assert!(list["default"].is_array(), "{variable}: nothing can be added");
        if self.settings[variable].is_null() {
            self.settings[variable] = json!([]);
        }
        self.settings[variable].as_array_mut().unwrap().push(item);
    }

    /// Changes an answer in an item.
    pub(crate) fn answer_in(&mut self, variable: &str, index: usize, field: &str, answer: Value) {
        assert!(!is_text(&self.question_in(variable, field)), "{field} is edited as text");
        self.settings[variable][index][field] = answer;
    }

    /// The text that stands for a field of an item.
    pub(crate) fn text(&self, variable: &str, index: usize, field: &str) -> String {
        let question = self.question_in(variable, field);
        assert!(is_text(&question), "{field} is no text");
        let value = &self.settings[variable][index][field];
        assert!(!is_empty(value), "{field}: what is shown is not what is saved");
        serde_norway::to_string(&json!({ field: value })).unwrap()
    }

    /// Edits the text that stands for a field of an item.
    pub(crate) fn edit(&mut self, variable: &str, index: usize, field: &str, edited: &str) {
        let _shown = self.text(variable, index, field);
        let edited: Value = serde_norway::from_str(edited).unwrap();
        self.settings[variable][index][field] = edited[field].clone();
    }

    /// What is saved: without what is empty, save in lists, which stay as they are.
    pub(crate) fn saved(&self) -> Value {
        without_empty(&self.settings).unwrap_or_else(|| json!({}))
    }

    /// Every question that is shown answers with its default, if nothing else did; which may show others.
    fn render(&mut self) {
        loop {
            let unanswered = self.shown().into_iter().find(|question| {
                let variable = question["variable"].as_str().unwrap();
                !is_list(question)
                    && question.get("default").is_some()
                    && get(&self.settings, variable).is_none()
            });
            let Some(question) = unanswered else { return };
            set(&mut self.settings, question["variable"].as_str().unwrap(), question["default"].clone());
        }
    }

    fn shown(&self) -> Vec<Value> {
        let mut shown = Vec::new();
        self.shown_of(&self.questions, &mut shown);
        shown
    }

    fn shown_of(&self, questions: &[Value], shown: &mut Vec<Value>) {
        for question in questions {
            if question["show_if"].as_str().is_none_or(|condition| self.holds(condition)) {
                shown.push(question.clone());
                self.shown_of(question["subquestions"].as_array().map_or(&[], Vec::as_slice), shown);
            }
        }
    }

    /// `variable=value` is all that is used of what could be asked.
    fn holds(&self, condition: &str) -> bool {
        let (variable, value) = condition.split_once('=').unwrap();
        assert!(!condition.contains(['!', '|', '&', '-', ' ']), "{condition}");
        get(&self.settings, variable) == Some(&json!(value))
    }

    fn lists(&self) -> Vec<Value> {
        self.shown().into_iter().filter(is_list).collect()
    }

    /// The list that is shown for a variable: one, or Rancher takes one for the other.
    fn list(&self, variable: &str) -> Value {
        let mut lists = self.lists();
        lists.retain(|list| list["variable"] == variable);
        let [list] = lists.as_slice() else { panic!("{} lists for {variable}", lists.len()) };
        list.clone()
    }

    fn question_in(&self, variable: &str, field: &str) -> Value {
        let list = self.list(variable);
        let mut questions = list["sequence_questions"].as_array().unwrap().iter();
        questions.find(|question| question["variable"] == field).unwrap_or_else(|| panic!("{field}")).clone()
    }
}

fn kind(question: &Value) -> &str {
    question["type"].as_str().unwrap()
}

fn is_list(question: &Value) -> bool {
    kind(question).starts_with("sequence[")
}

/// Whether it is edited as text within an item. A list would be as well, and then without the name that an edited text
/// is read by.
fn is_text(question: &Value) -> bool {
    assert!(!is_list(question), "{question}: edited a second time it is lost");
    kind(question).starts_with("map[") && question["subquestions"].is_array()
}

fn get<'s>(settings: &'s Value, variable: &str) -> Option<&'s Value> {
    variable.split('.').try_fold(settings, |value, name| value.get(name))
}

fn set(settings: &mut Value, variable: &str, value: Value) {
    let field = variable.split('.').fold(settings, |value, name| &mut value[name]);
    *field = value;
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn without_empty(value: &Value) -> Option<Value> {
    let Value::Object(fields) = value else { return (!is_empty(value)).then(|| value.clone()) };
    let kept = fields.iter().filter_map(|(name, value)| Some((name.clone(), without_empty(value)?)));
    let kept: serde_json::Map<String, Value> = kept.collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}
