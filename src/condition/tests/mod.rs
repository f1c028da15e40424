//! What conditions mean: every operator with every type, and what nothing may satisfy.

mod kyverno;
mod properties;
mod provenance;

use serde_json::{Value, json};

use super::path::Visits;
use super::*;
use crate::limits::MAX_CONDITION_VALUES;

const NOW: u64 = 1_800_000_000; // 2027-01-15T08:00:00Z

fn now() -> Moment {
    Moment { now: Time::from_unix(NOW), signed: None }
}

fn parse(key: &str, operator: &str, value: &Value) -> Result<Condition, ConditionError> {
    let named = Operator::ALL.into_iter().find(|(name, _)| *name == operator).unwrap();
    Condition::parse(key, named, value)
}

fn condition(key: &str, operator: &str, value: &Value) -> Condition {
    parse(key, operator, value).unwrap_or_else(|error| panic!("{key} {operator} {value}: {error}"))
}

/// One condition, alone in an `all`.
fn one(condition: Condition) -> Conditions {
    Conditions::new(vec![Block::new("conditions[0]".to_owned(), None, Some(vec![condition])).unwrap()])
        .unwrap()
}

fn check(key: &str, operator: &str, value: &Value, predicate: &Value) -> Result<(), Finding> {
    match one(condition(key, operator, value)).check(predicate, now()) {
        Ok(()) => Ok(()),
        Err(Unmet::Condition(unmet)) => Err(unmet.found),
        Err(other) => panic!("{other}"),
    }
}

/// What is asked of `/a` alone.
fn of_a(operator: &str, value: &Value, found: &Value) -> Result<(), Finding> {
    check("/a", operator, value, &json!({ "a": found }))
}

fn found(value: &Value) -> Finding {
    Finding::Value(Excerpt::of(value))
}

/// Each line: an operator, a value, what satisfies it, and its twin that does not.
#[test]
fn every_operator_of_every_type_has_a_twin_that_does_not_hold() {
    for (operator, value, yes, no) in [
        // Equality.
        ("Equals", json!(true), json!(true), json!(false)),
        ("Equals", json!(1), json!(1), json!(2)),
        ("Equals", json!(1), json!(1.0), json!(1.5)),
        ("Equals", json!(0.1), json!(0.1), json!(0.11)),
        ("Equals", json!(u64::MAX), json!(u64::MAX), json!(u64::MAX - 1)),
        ("Equals", json!(i64::MIN), json!(i64::MIN), json!(i64::MIN + 1)),
        ("Equals", json!("x"), json!("x"), json!("X")),
        ("Equals", json!(""), json!(""), json!("x")),
        ("Equals", json!("a*"), json!("abc"), json!("bac")),
        ("Equals", json!("a?c"), json!("abc"), json!("ac")),
        ("Equals", json!("1.2"), json!("1.2"), json!("1.20")),
        ("Equals", json!("24h"), json!("1440m"), json!("25h")),
        ("Equals", json!("1Gi"), json!("1024Mi"), json!("1G")),
        ("Equals", json!(["a", 1, true]), json!(["a", 1, true]), json!(["a", 1, false])),
        ("Equals", json!(["a", "b"]), json!(["a", "b"]), json!(["b", "a"])),
        ("Equals", json!(["a"]), json!(["a"]), json!(["a", "a"])),
        ("Equal", json!("x"), json!("x"), json!("y")),
        ("NotEquals", json!(true), json!(false), json!(true)),
        ("NotEquals", json!(1), json!(2), json!(1.0)),
        ("NotEquals", json!("x"), json!("y"), json!("x")),
        ("NotEquals", json!("a*"), json!("bac"), json!("abc")),
        ("NotEquals", json!("24h"), json!("25h"), json!("1440m")),
        ("NotEquals", json!("1Gi"), json!("1G"), json!("1024Mi")),
        ("NotEquals", json!(["a"]), json!(["b"]), json!(["a"])),
        ("NotEqual", json!("x"), json!("y"), json!("x")),
        // Lists of one found value.
        ("In", json!(["a", "b*"]), json!("bc"), json!("c")),
        ("In", json!("a"), json!("a"), json!("b")),
        ("In", json!([1, 2]), json!(2), json!(3)),
        ("In", json!([true]), json!(true), json!(false)),
        ("AnyIn", json!(["a", "b"]), json!("b"), json!("c")),
        ("AllIn", json!(["a", "b"]), json!("b"), json!("c")),
        ("NotIn", json!(["a", "b"]), json!("c"), json!("b")),
        ("NotIn", json!("a*"), json!("b"), json!("ab")),
        ("AnyNotIn", json!(["a", "b"]), json!("c"), json!("b")),
        ("AllNotIn", json!([1, 2]), json!(3), json!(2)),
        // Of several.
        ("In", json!(["a", "b"]), json!(["b", "a"]), json!(["a", "c"])),
        ("AllIn", json!(["a", "b"]), json!(["a", "a"]), json!(["a", "c"])),
        ("AnyIn", json!(["a", "b"]), json!(["a", "c"]), json!(["c", "d"])),
        ("NotIn", json!(["a", "b"]), json!(["c", "d"]), json!(["a", "c"])),
        ("AllNotIn", json!(["a", "b"]), json!(["c", "d"]), json!(["a", "c"])),
        ("AnyNotIn", json!(["a", "b"]), json!(["a", "c"]), json!(["a", "b"])),
        ("AnyIn", json!(["a"]), json!(["a", {"x": 1}]), json!([{"x": 1}])),
        // Order of numbers.
        ("GreaterThan", json!(7), json!(7.1), json!(7)),
        ("GreaterThan", json!(7), json!("7.5"), json!("7")),
        ("GreaterThanOrEquals", json!(7), json!(7), json!(6.999)),
        ("GreaterThanOrEquals", json!("7"), json!(7), json!(6)),
        ("LessThan", json!(7.5), json!(7), json!(7.5)),
        ("LessThanOrEquals", json!(7), json!("7.0"), json!("7.000001")),
        ("GreaterThan", json!(u64::MAX - 1), json!(u64::MAX), json!(u64::MAX - 1)),
        ("LessThan", json!(0), json!(-1), json!(0)),
        // Of quantities, durations and versions.
        ("GreaterThan", json!("1Gi"), json!("2Gi"), json!("1024Mi")),
        ("LessThanOrEquals", json!("1Gi"), json!("1073741824"), json!("1073741825")),
        ("LessThan", json!("24h"), json!("23h59m"), json!("24h")),
        ("GreaterThanOrEquals", json!("24h"), json!("24h"), json!("23h59m59.999s")),
        ("GreaterThanOrEquals", json!("1.2.3"), json!("1.10.0"), json!("1.2.3-rc.1")),
        ("GreaterThan", json!("1.2.3"), json!("1.2.4"), json!("1.2.3+build")),
        ("LessThan", json!("5.6.0"), json!("5.4.7"), json!("5.6.0")),
        ("LessThanOrEquals", json!("5.6.0"), json!("5.6.0"), json!("5.6.1")),
        ("DurationGreaterThan", json!("1h"), json!("61m"), json!("60m")),
        ("DurationGreaterThanOrEquals", json!(3600), json!("1h"), json!(3599)),
        ("DurationLessThan", json!("1h"), json!(3599), json!(3600)),
        ("DurationLessThanOrEquals", json!("1h"), json!("1h"), json!("1h1ns")),
    ] {
        assert_eq!(of_a(operator, &value, &yes), Ok(()), "{operator} {value}: {yes}");
        assert!(of_a(operator, &value, &no).is_err(), "{operator} {value}: {no}");
    }
}

/// A branch may be called `x@refs/heads/main`. What may be somebody else is neither equal nor different.
#[test]
fn rule_14_a_wildcard_does_not_reach_over_the_at_that_follows() {
    let main = json!("git+https://github.com/acme/*@refs/heads/main");
    let uri = |reference: &str| json!(format!("git+https://github.com/acme/app@{reference}"));
    let (good, evil) = (uri("refs/heads/main"), uri("refs/heads/x@refs/heads/main"));
    for operator in ["Equals", "In", "AnyIn", "AllIn"] {
        assert_eq!(of_a(operator, &main, &good), Ok(()), "{operator}");
        assert!(matches!(of_a(operator, &main, &evil), Err(Finding::Type { .. })), "{operator}");
        assert!(of_a(operator, &main, &uri("refs/heads/dev")).is_err(), "{operator}");
    }
    for operator in ["NotEquals", "NotIn", "AnyNotIn", "AllNotIn"] {
        assert_eq!(of_a(operator, &main, &uri("refs/heads/dev")), Ok(()), "{operator}");
        assert!(of_a(operator, &main, &evil).is_err(), "{operator}");
    }
    // Another value of the list may say it.
    assert_eq!(of_a("AnyIn", &json!([main, "*@refs/heads/x@*"]), &evil), Ok(()));
    // Behind it, and without one, any text is one.
    for pattern in ["git+https://github.com/acme/app@refs/heads/*", "git+https://github.com/acme/*", "*"] {
        assert_eq!(of_a("Equals", &json!(pattern), &evil), Ok(()), "{pattern}");
    }
}

/// To read a text as an amount takes time with its length, and a predicate may be some megabytes of it.
#[test]
fn a_long_text_is_no_amount() {
    let (part, limit) = ("1s", MAX_REGEX_TEXT_BYTES);
    let longest = part.repeat(limit / part.len());
    let too_long = format!("{longest}1s");
    let finding = |text: &str| Err(Finding::mistyped(&json!(text), "a text short enough to compare"));
    for (operator, value) in [
        ("GreaterThan", json!("1s")),
        ("DurationGreaterThan", json!(1)),
        ("Equals", json!(format!("{}s", limit / part.len()))),
    ] {
        assert_eq!(of_a(operator, &value, &json!(longest)), Ok(()), "{operator}");
        assert_eq!(of_a(operator, &value, &json!(too_long)), finding(&too_long), "{operator}");
    }
    let version = |more: usize| format!("1.2.3-{}", "a".repeat(limit - "1.2.3-".len() + more));
    assert_eq!(of_a("LessThan", &json!("1.2.3"), &json!(version(0))), Ok(()));
    assert_eq!(of_a("LessThan", &json!("1.2.3"), &json!(version(1))), finding(&version(1)));
    let zeros = |more: usize| "0".repeat(limit + more);
    for (operator, value) in [("LessThan", json!(1)), ("LessThan", json!("1Gi")), ("NotEquals", json!("1Gi"))]
    {
        assert_eq!(of_a(operator, &value, &json!(zeros(0))), Ok(()), "{operator}");
        assert_eq!(of_a(operator, &value, &json!(zeros(1))), finding(&zeros(1)), "{operator}");
    }
}

/// What has another type is neither equal nor different, less nor greater.
#[test]
fn another_type_satisfies_nothing() {
    let everything = [
        json!(true),
        json!(1),
        json!(1.5),
        json!("x"),
        json!("24h"),
        json!("1Gi"),
        json!("1.2.3"),
        json!(["x"]),
        json!([["x"]]),
        json!({"x": 1}),
        Value::Null,
    ];
    for (value, comparable) in [
        (json!(true), vec![json!(true)]),
        (json!(1), vec![json!(1), json!(1.5)]),
        (json!("x"), vec![json!("x"), json!("24h"), json!("1Gi"), json!("1.2.3")]),
        (json!("1h"), vec![json!("24h")]),
        (json!("1Mi"), vec![json!("1Gi")]),
        (json!(["y"]), vec![json!(["x"])]),
    ] {
        for found in everything.iter().filter(|found| !comparable.contains(found)) {
            for operator in ["Equals", "NotEquals"] {
                let finding = of_a(operator, &value, found).unwrap_err();
                assert!(
                    matches!(finding, Finding::Type { .. } | Finding::Nothing),
                    "{operator} {value}: {found}: {finding}"
                );
            }
        }
    }
    for (value, comparable) in [
        (json!(1), vec![json!(1), json!(1.5)]),
        (json!("1h"), vec![json!("24h")]),
        (json!("1Mi"), vec![json!("1Gi")]),
        (json!("1.2.3"), vec![json!("1.2.3")]),
    ] {
        for found in everything.iter().filter(|found| !comparable.contains(found)) {
            for operator in ["GreaterThan", "GreaterThanOrEquals", "LessThan", "LessThanOrEquals"] {
                let finding = of_a(operator, &value, found).unwrap_err();
                assert!(
                    matches!(finding, Finding::Type { .. } | Finding::Nothing),
                    "{operator} {value}: {found}"
                );
            }
        }
    }
    // In a list, whatever else is in it.
    for operator in ["In", "AllIn", "NotIn", "AllNotIn"] {
        let mixed = of_a(operator, &json!(["a"]), &json!(["a", 1])).unwrap_err();
        let wanted = if operator.contains("Not") {
            Finding::Items { first: Excerpt::of(&json!("a")), others: 1, of: 2 }
        } else {
            Finding::mistyped(&json!(1), "a text")
        };
        assert_eq!(mixed, wanted, "{operator}");
        assert_eq!(of_a(operator, &json!(["a"]), &json!([1])), Err(Finding::mistyped(&json!(1), "a text")));
    }
    assert!(of_a("AnyNotIn", &json!(["a"]), &json!(["a", 1])).is_err());
}

#[test]
fn a_number_that_is_not_exact_satisfies_nothing() {
    let big: Value = serde_json::from_str("18446744073709551617").unwrap();
    for operator in ["GreaterThan", "LessThan", "Equals", "NotEquals"] {
        let expected = "a number that can be compared exactly";
        assert_eq!(of_a(operator, &json!(1), &big), Err(Finding::mistyped(&big, expected)), "{operator}");
        assert!(matches!(parse("/a", operator, &big), Err(ConditionError::Value(_))), "{operator}");
    }
}

#[test]
fn a_text_too_long_to_compare_satisfies_nothing() {
    let long = json!("x".repeat(MAX_REGEX_TEXT_BYTES + 1));
    for operator in ["Equals", "NotEquals", "In", "NotIn"] {
        let finding = of_a(operator, &json!("x*"), &long).unwrap_err();
        assert_eq!(finding, Finding::mistyped(&long, "a text short enough to compare"));
    }
    let short = json!("x".repeat(MAX_REGEX_TEXT_BYTES));
    assert_eq!(of_a("Equals", &json!("x*"), &short), Ok(()));
}

/// A wildcard counts in the settings alone: whoever attests could write `*` as well.
#[test]
fn wildcards_in_the_predicate_are_none() {
    for operator in ["Equals", "In", "AnyIn", "AllIn"] {
        assert!(of_a(operator, &json!("abc"), &json!("*")).is_err(), "{operator}");
        assert!(of_a(operator, &json!("abc"), &json!("a?c")).is_err(), "{operator}");
    }
}

#[test]
fn what_is_missing_satisfies_nothing() {
    let predicate = json!({"a": {"b": null}, "l": [], "n": [{}, {"v": "x"}]});
    for (name, _) in Operator::ALL {
        let value = if name.contains("Than") { json!(0) } else { json!("x") };
        for key in ["/a/b", "/a/c", "/z", "/l/0", "{{ a.b }}", "{{ z.y.x }}", "{{ l[0] }}"] {
            assert_eq!(check(key, name, &value, &predicate), Err(Finding::Nothing), "{key} {name}");
        }
    }
    for name in ["In", "AnyIn", "AllIn", "NotIn", "AnyNotIn", "AllNotIn"] {
        for key in ["/l", "{{ l[] }}", "{{ l[*].v }}", "{{ n[?v=='y'].w }}"] {
            assert_eq!(check(key, name, &json!(["x"]), &predicate), Err(Finding::Empty), "{key} {name}");
        }
        assert_eq!(check("{{ z[].v }}", name, &json!(["x"]), &predicate), Err(Finding::Nothing), "{name}");
    }
    for operator in ["Equals", "NotEquals"] {
        assert_eq!(check("/l", operator, &json!(["x"]), &predicate), Err(Finding::Empty));
        for truth in [true, false] {
            for key in [
                "{{ regex_match('^x$', a.b) }}",
                "{{ length(a.b) > `0` }}",
                "{{ length(z) == `0` }}",
                "{{ n[].w | length(@) == `0` }}",
            ] {
                assert!(check(key, operator, &json!(truth), &predicate).is_err(), "{key} {operator} {truth}");
            }
        }
    }
    assert_eq!(check("{{ length(z) }}", "Equals", &json!(0), &predicate), Err(Finding::Nothing));
    assert_eq!(check("{{ length(l) }}", "Equals", &json!(0), &predicate), Ok(()));
    assert_eq!(
        check("{{ time_since('', a.b, '') }}", "LessThan", &json!("1h"), &predicate),
        Err(Finding::Nothing)
    );
}

/// JMESPath leaves out what some items lack; then "all" would be said of the others alone.
#[test]
fn all_is_said_of_every_item_or_not_at_all() {
    let predicate = json!({"c": [{"n": "a", "v": "1"}, {"n": "b"}, {"n": "c", "v": null}]});
    for operator in ["In", "AllIn", "NotIn", "AllNotIn"] {
        let value = if operator.contains("Not") { json!("2") } else { json!("1") };
        assert_eq!(
            check("{{ c[].v }}", operator, &value, &predicate),
            Err(Finding::Incomplete { missing: 2 }),
            "{operator}"
        );
    }
    assert_eq!(check("{{ c[].v }}", "AnyIn", &json!("1"), &predicate), Ok(()));
    assert_eq!(check("{{ c[].v }}", "AnyNotIn", &json!("2"), &predicate), Ok(()));
    assert_eq!(check("{{ c[?n=='a'].v }}", "AllIn", &json!("1"), &predicate), Ok(()));
    assert_eq!(
        check("{{ c[?n=='b'].v }}", "AllNotIn", &json!("1"), &predicate),
        Err(Finding::Incomplete { missing: 1 })
    );
    let incomplete = Err(Finding::Incomplete { missing: 2 });
    assert_eq!(check("{{ c[].v | [0] }}", "Equals", &json!("1"), &predicate), incomplete);
    assert_eq!(check("{{ length(c[].v) }}", "GreaterThan", &json!(0), &predicate), incomplete);
    assert_eq!(check("{{ c[].v }}", "Equals", &json!(["1"]), &predicate), incomplete);
}

#[test]
fn rule_14_regular_expressions_match_one_whole_line() {
    let key = "{{ regex_match('^https://ci[.]example[.]com/.*@v[0-9]+$', id) }}";
    let ask = |id: &str, truth: bool| check(key, "Equals", &json!(truth), &json!({ "id": id }));
    assert_eq!(ask("https://ci.example.com/b@v1", true), Ok(()));
    assert_eq!(
        ask("https://ci.example.com/b@v1", false),
        Err(Finding::Value(Excerpt::named("true".to_owned())))
    );
    for other in
        ["https://ci.example.com/b@v1x", "xhttps://ci.example.com/b@v1", "https://ci-example.com/b@v1"]
    {
        assert!(ask(other, true).is_err(), "{other}");
        assert_eq!(ask(other, false), Ok(()), "{other}");
    }
    // Neither: what follows the line would be seen by no expression.
    for neither in ["https://ci.example.com/b@v1\n", "x\nhttps://ci.example.com/b@v1", &"x".repeat(5000)] {
        for truth in [true, false] {
            let expected = "one short line of text";
            assert_eq!(ask(neither, truth), Err(Finding::mistyped(&json!(neither), expected)));
        }
    }
    for truth in [true, false] {
        let number = check(key, "Equals", &json!(truth), &json!({ "id": 1 }));
        assert_eq!(number, Err(Finding::mistyped(&json!(1), "a text")));
    }
}

fn aged(time: &str, operator: &str, value: &Value, moment: Moment) -> Result<(), Finding> {
    let conditions = one(condition("{{ time_since('', t, '') }}", operator, value));
    match conditions.check(&json!({ "t": time }), moment) {
        Ok(()) => Ok(()),
        Err(Unmet::Condition(unmet)) => Err(unmet.found),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn ages_are_counted_to_the_time_of_the_request() {
    for (time, yes, no) in [
        ("2027-01-15T07:00:00Z", "61m", "1h"),
        ("2027-01-15T08:00:00Z", "1s", "0s"),
        ("2027-01-15T07:59:59.5Z", "501ms", "500ms"),
        ("2027-01-15T08:00:00+01:00", "61m", "1h"),
        ("2027-01-15T06:30:00-00:30", "61m", "1h"),
        ("2027-01-08T08:00:00Z", "168h1ns", "168h"),
    ] {
        assert_eq!(aged(time, "LessThan", &json!(yes), now()), Ok(()), "{time}");
        assert!(matches!(aged(time, "LessThan", &json!(no), now()), Err(Finding::Value(_))), "{time}");
        assert_eq!(aged(time, "GreaterThanOrEquals", &json!(no), now()), Ok(()), "{time}");
        assert!(aged(time, "GreaterThanOrEquals", &json!(yes), now()).is_err(), "{time}");
    }
    assert_eq!(aged("2027-01-15T07:00:00Z", "DurationLessThan", &json!(3601), now()), Ok(()));
    assert!(aged("2027-01-15T07:00:00Z", "DurationLessThan", &json!(3600), now()).is_err());
    for bad in [
        "",
        "2027-01-15",
        "2027-01-15T07:00:00",
        "2027-01-15 07:00:00Z",
        "2027-01-15T07:00:00.Z",
        "2027-01-15T07:00:0030Z",
        "1800000000",
        "2027-01-15T07:00:00+1:00",
        "2027-01-15T07:00:00+24:00",
        "2027-01-15T07:00:00+00:60",
        "2027-02-30T07:00:00Z",
        "2027-01-15T07:00:00ZZ",
        "2027-01-15T07:00:00+-1:00",
        "2027-01-15T07:00:00.1.1Z",
        "é027-01-15T07:00:00Z",
    ] {
        for operator in ["LessThan", "GreaterThan"] {
            let expected = "a time such as `2027-01-31T00:00:00Z`";
            assert_eq!(
                aged(bad, operator, &json!("1h"), now()),
                Err(Finding::mistyped(&json!(bad), expected))
            );
        }
    }
}

#[test]
fn rule_04_a_time_after_the_request_or_the_signature_has_no_age() {
    let future =
        |time: &str, limit, what| Err(Finding::Future { found: Excerpt::of(&json!(time)), limit, what });
    let tomorrow = "2027-01-16T08:00:00Z";
    let hour = json!("1h");
    for operator in ["LessThan", "LessThanOrEquals", "GreaterThan", "DurationLessThan"] {
        assert_eq!(
            aged(tomorrow, operator, &hour, now()),
            future(tomorrow, Time::from_unix(NOW), "the time of the request")
        );
    }
    // The clock tells whole seconds: this one has begun.
    assert_eq!(aged("2027-01-15T08:00:00.9Z", "LessThan", &hour, now()), Ok(()));
    assert!(aged("2027-01-15T08:00:01Z", "LessThan", &hour, now()).is_err());
    // Signed two hours ago: it cannot speak of the hour in which it would be young.
    let signed = Time::from_unix(NOW - 7200);
    let moment = Moment { signed: Some(signed), ..now() };
    let claimed = "2027-01-15T07:30:00Z";
    assert_eq!(aged(claimed, "LessThan", &hour, now()), Ok(()));
    assert_eq!(aged(claimed, "LessThan", &hour, moment), future(claimed, signed, "when it was signed"));
    assert_eq!(aged("2027-01-15T06:00:00Z", "LessThan", &json!("3h"), moment), Ok(()));
    assert!(aged("2027-01-15T06:00:00Z", "LessThan", &json!("2h"), moment).is_err());
}

#[test]
fn blocks_and_lists_are_joined_as_in_kyverno() {
    let met = || condition("/a", "Equals", &json!(1));
    let unmet = || condition("/a", "Equals", &json!(2));
    let block = |any: Option<Vec<Condition>>, all: Option<Vec<Condition>>| {
        Block::new("conditions[0]".to_owned(), any, all).unwrap()
    };
    let holds = |blocks: Vec<Block>| Conditions::new(blocks).unwrap().check(&json!({"a": 1}), now()).is_ok();
    assert!(holds(vec![block(None, Some(vec![met(), met()]))]));
    assert!(!holds(vec![block(None, Some(vec![met(), unmet()]))]));
    assert!(holds(vec![block(Some(vec![unmet(), met()]), None)]));
    assert!(!holds(vec![block(Some(vec![unmet(), unmet()]), None)]));
    assert!(holds(vec![block(Some(vec![met(), unmet()]), Some(vec![met()]))]));
    assert!(!holds(vec![block(Some(vec![met()]), Some(vec![unmet()]))]));
    assert!(!holds(vec![block(Some(vec![unmet()]), Some(vec![met()]))]));
    assert!(!holds(vec![block(None, Some(vec![met()])), block(None, Some(vec![unmet()]))]));
    // Nothing vacuous.
    assert_eq!(Conditions::new(vec![]), None);
    for (any, all) in
        [(None, None), (Some(vec![]), None), (None, Some(vec![])), (Some(vec![met()]), Some(vec![]))]
    {
        assert_eq!(Block::new(String::new(), any, all), None);
    }
}

#[test]
fn a_message_says_the_condition_what_was_wanted_and_what_was_found() {
    let predicate = json!({
        "builder": {"id": "https://evil.example/`x`\n\u{202e}"}, "score": 7.5, "l": ["a", "b", "c"], "o": {"x": 1},
        "t": "2028-01-01T00:00:00Z", "p": [{"v": 1}, {}],
    });
    let message = |key: &str, operator: &str, value: Value| {
        one(condition(key, operator, &value)).check(&predicate, now()).unwrap_err().to_string()
    };
    for (key, operator, value, wanted) in [
        (
            "{{ builder.id }}",
            "Equals",
            json!("https://ci.example.com/*"),
            "conditions[0].all[0]: wanted `{{ builder.id }}` Equals `https://ci.example.com/*`; found \
             `https://evil.example/\\u{60}x\\u{60}\\n\\u{202e}`",
        ),
        ("/score", "LessThan", json!(7), "conditions[0].all[0]: wanted `/score` LessThan `7`; found 7.5"),
        (
            "/l",
            "AllIn",
            json!(["a"]),
            "conditions[0].all[0]: wanted `/l` AllIn `[\"a\"]`; found `b`, 1 other of 3 items",
        ),
        (
            "/o",
            "NotEquals",
            json!("x"),
            "conditions[0].all[0]: wanted `/o` NotEquals `x`; found a mapping of 1 field, which is not a text",
        ),
        (
            "/z",
            "NotEquals",
            json!("x"),
            "conditions[0].all[0]: wanted `/z` NotEquals `x`; found nothing there",
        ),
        (
            "{{ p[].v }}",
            "AllIn",
            json!([1]),
            "conditions[0].all[0]: wanted `{{ p[].v }}` AllIn `[1]`; 1 item of the list lacks it",
        ),
        (
            "{{ time_since('', t, '') }}",
            "LessThan",
            json!("24h"),
            "conditions[0].all[0]: wanted `{{ time_since('', t, '') }}` LessThan `24h`; found `2028-01-01T00:00:00Z`, \
             which is after 2027-01-15T08:00:00Z, the time of the request",
        ),
        (
            "{{ length(l) }}",
            "GreaterThan",
            json!(3),
            "conditions[0].all[0]: wanted `{{ length(l) }}` GreaterThan `3`; found 3",
        ),
    ] {
        assert_eq!(message(key, operator, value), wanted);
    }
    let any = (0..5).map(|n| condition("/score", "Equals", &json!(n))).collect();
    let conditions =
        Conditions::new(vec![Block::new("conditions[1]".to_owned(), Some(any), None).unwrap()]).unwrap();
    assert_eq!(
        conditions.check(&predicate, now()).unwrap_err().to_string(),
        "conditions[1].any: none of 5 conditions is met: `/score` Equals `0` (found 7.5), `/score` Equals `1` (found \
         7.5), `/score` Equals `2` (found 7.5), 2 more"
    );
    let long = json!({ "a": "x".repeat(MAX_REGEX_TEXT_BYTES) });
    let message = one(condition("/a", "Equals", &json!("y"))).check(&long, now()).unwrap_err().to_string();
    assert!(message.ends_with("xxx…`") && message.chars().count() < 300, "{message}");
}

#[test]
fn what_could_never_hold_is_refused_when_it_is_parsed() {
    let kind = |error: ConditionError| assert_eq!(error.field(), ConditionField::Operator, "{error}");
    for (key, operator, value) in [
        ("{{ regex_match('^x$', a) }}", "Equals", json!("true")),
        ("{{ regex_match('^x$', a) }}", "GreaterThan", json!(0)),
        ("{{ regex_match('^x$', a) }}", "AnyIn", json!([true])),
        ("{{ length(a) > `0` }}", "Equals", json!(1)),
        ("{{ length(a) }}", "Equals", json!("1")),
        ("{{ length(a) }}", "Equals", json!(true)),
        ("{{ length(a) }}", "GreaterThan", json!("1h")),
        ("{{ length(a) }}", "AnyIn", json!([1, "2"])),
        ("{{ time_since('', a, '') }}", "Equals", json!("1h")),
        ("{{ time_since('', a, '') }}", "LessThan", json!(3600)),
        ("{{ time_since('', a, '') }}", "GreaterThan", json!("-1h")),
        ("{{ time_since('', a, '') }}", "AnyIn", json!(["1h"])),
        ("{{ a[].b }}", "Equals", json!("x")),
        ("{{ a[*] }}", "NotEquals", json!("x")),
        ("{{ a[?b=='c'].d }}", "GreaterThan", json!("1.2.3")),
    ] {
        kind(parse(key, operator, &value).unwrap_err());
    }
    for (operator, value) in [
        ("Equals", Value::Null),
        ("Equals", json!({"a": 1})),
        ("Equals", json!([])),
        ("Equals", json!([["a"]])),
        ("Equals", json!(1e20)),
        ("In", json!([])),
        ("In", json!([{"a": 1}])),
        ("NotIn", json!([null])),
        ("AnyIn", json!({"a": 1})),
        ("GreaterThan", json!("x")),
        ("GreaterThan", json!("7d")),
        ("GreaterThan", json!("v1.2.3")),
        ("GreaterThan", json!(true)),
        ("LessThan", json!(["1h"])),
        ("DurationLessThan", json!("1")),
        ("DurationLessThan", json!("1Gi")),
        ("DurationLessThan", json!(1.5)),
    ] {
        let error = parse("/a", operator, &value).unwrap_err();
        assert!(matches!(error, ConditionError::Value(_)), "{operator} {value}: {error}");
    }
    for range in ["1-10", "10Mi-1Gi", "1.5-2", "1!-10", "-5-5"] {
        assert_eq!(parse("/a", "AnyIn", &json!(range)), Err(ConditionError::Range(range.to_owned())));
    }
    for fine in ["7-alpine", "1.2.3-rc", "a-b", "-", "2026-01-01"] {
        assert!(parse("/a", "AnyIn", &json!(fine)).is_ok(), "{fine}");
    }
    let list = r#"["a", "b"]"#;
    assert_eq!(parse("/a", "In", &json!(list)), Err(ConditionError::ListInText(list.to_owned())));
    let many = json!(vec!["x"; MAX_CONDITION_VALUES + 1]);
    assert!(matches!(parse("/a", "In", &many), Err(ConditionError::Value(_))));
}
