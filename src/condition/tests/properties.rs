//! What holds for any predicate and any condition.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        (-3_i64..3).prop_map(Value::from),
        "[ab*?.0-9hGi:TZ-]{0,6}".prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        Just(json!("2027-01-15T07:00:00Z")),
        Just(json!("1.2.3")),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[ab]", inner, 0..3).prop_map(|fields| json!(fields)),
        ]
    })
}

const KEYS: [&str; 16] = [
    "/a",
    "/a/b",
    "/a/0",
    "{{ @ }}",
    "{{ a.b }}",
    "{{ a[].b }}",
    "{{ a[*] }}",
    "{{ b[].a[] }}",
    "{{ a[?b=='a'].a }}",
    "{{ a[?b=='a'].a | [0] }}",
    "{{ length(@) }}",
    "{{ length(a) }}",
    "{{ a[].b | length(@) }}",
    "{{ length(a) > `1` }}",
    "{{ regex_match('^a.*', a) }}",
    "{{ time_since('', a, '') }}",
];

fn operator() -> impl Strategy<Value = (&'static str, Operator)> {
    prop::sample::select(Operator::ALL.to_vec())
}

fn holds(key: &str, operator: &str, value: &Value, predicate: &Value) -> Option<bool> {
    Some(one(parse(key, operator, value).ok()?).check(predicate, now()).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_panics(
        predicate in tree(), key in prop::sample::select(KEYS.to_vec()), named in operator(), value in tree(),
    ) {
        if let Ok(condition) = Condition::parse(key, named, &value) {
            let unmet = one(condition).check(&predicate, now());
            prop_assert!(unmet.map_or_else(|unmet| !unmet.to_string().is_empty(), |()| true));
        }
    }

    #[test]
    fn no_key_panics(key in r"[{}/~ab.\[\]*?='`|@()!<>&, 0-9\\\x22-]{0,20}", text in ".{0,12}") {
        let _ = parse(&key, "Equals", &json!("x"));
        let _ = parse(&format!("{{{{ {key} }}}}"), "Equals", &json!("x"));
        let _ = parse(&format!("{{{{ {text} }}}}"), "Equals", &json!("x"));
    }

    /// A condition and its opposite never both hold; and where the value is missing, neither does.
    #[test]
    fn a_negation_holds_only_where_there_is_something(
        predicate in tree(), key in prop::sample::select(KEYS.to_vec()), value in tree(),
    ) {
        for (positive, negative) in [
            ("Equals", "NotEquals"), ("AllIn", "AnyNotIn"), ("AnyIn", "AllNotIn"), ("In", "NotIn"),
            ("GreaterThan", "LessThanOrEquals"), ("LessThan", "GreaterThanOrEquals"),
        ] {
            let both = [positive, negative].map(|operator| holds(key, operator, &value, &predicate) == Some(true));
            prop_assert!(both != [true, true], "{} {} {}", key, positive, value);
        }
    }

    #[test]
    fn of_nothing_nothing_holds(
        key in prop::sample::select(KEYS.to_vec()), named in operator(), value in tree(),
    ) {
        let empty = [json!({}), json!([]), Value::Null, json!({"a": null}), json!({"a": {}, "b": []})];
        for predicate in empty.iter().filter(|_| !key.contains("length") && !key.contains('@')) {
            let null = json!({"a": null, "b": null});
            for predicate in [predicate, &null] {
                prop_assert_ne!(holds(key, named.0, &value, predicate), Some(true), "{} {}", key, predicate);
            }
        }
    }

    #[test]
    fn numbers_compare_as_they_do(left in any::<i64>(), right in any::<i64>()) {
        for (operator, wanted) in [
            ("Equals", left == right), ("NotEquals", left != right), ("GreaterThan", left > right),
            ("GreaterThanOrEquals", left >= right), ("LessThan", left < right), ("LessThanOrEquals", left <= right),
        ] {
            prop_assert_eq!(of_a(operator, &json!(right), &json!(left)).is_ok(), wanted, "{}", operator);
            prop_assert!(of_a("Equals", &json!(right), &json!(right)).is_ok());
        }
    }
}
