"""Where our expressions differ from CEL on the cases of its conformance suite: reason to ids of cases.

A test holds this list to what really differs, both ways.
"""

from typing import Final

DIFFERENCES: Final[dict[str, tuple[str, ...]]] = {
    "all numbers are doubles: there are no unsigned literals such as 1u": (
        "comparisons/eq_literal/eq_uint_double",
        "comparisons/eq_literal/not_eq_double_uint",
        "comparisons/eq_literal/not_eq_dyn_int_uint",
        "comparisons/ne_literal/ne_int_uint",
        "comparisons/lt_literal/not_lt_dyn_uint_int",
        "comparisons/lt_literal/not_lt_dyn_uint_small_int",
        "comparisons/gt_literal/not_gt_uint",
        "comparisons/gt_literal/gt_dyn_uint_small_int",
        "comparisons/lte_literal/lte_uint_lt",
        "comparisons/lte_literal/not_lte_dyn_double_uint",
        "comparisons/lte_literal/not_lte_dyn_big_double_uint",
        "integer_math/uint64_math/add_left_identity",
        "lists/in/uint_in_doubles",
    ),
    "all numbers are doubles: nothing overflows at 64 bits": ("integer_math/int64_math/int64_overflow_negative",),
    "values are of one type for good: nothing is converted (dyn, double, int, uint, bool)": (
        "comparisons/eq_literal/not_eq_dyn_string_null",
        "comparisons/gt_literal/not_gt_dyn_int_double",
        "comparisons/lte_literal/lte_dyn_int_double",
        "comparisons/gte_literal/gte_dyn_double_int",
        "comparisons/gte_literal/gte_dyn_int_big_lossy_double",
        "comparisons/gte_literal/gte_dyn_small_double_int",
        "conversions/double/int_min_exact",
        "conversions/double/string_no_dec",
        "conversions/uint/int_max",
        "conversions/bool/string_1",
        "fields/map_fields/map_field_select_no_such_key_or_true",
    ),
    "true and false are in no order": (
        "comparisons/gte_literal/gte_bool_gt",
        "comparisons/bound/bool_lt_right_true",
    ),
    "fields are flat, inner objects by dots: there are no maps": (
        "comparisons/eq_literal/eq_map_empty",
        "comparisons/eq_literal/not_eq_map_false_vs_types",
        "comparisons/ne_literal/not_ne_map_int_to_float",
        "fields/map_fields/map_key_mixed_numbers_uint_key",
        "fields/map_fields/map_value_map",
        "fields/in/singleton",
        "macros2/exists/not_map_key",
        "macros2/transformMap/empty",
        "namespace/namespace_shadowing/comprehension_shadowing_namespaced_selector_disambiguation",
        "optionals/optionals/optional_chaining_3",
        "parse/selectors/if",
    ),
    "lists are asked with `in` and size, and neither joined nor indexed": (
        "lists/concatenation/list_not_commutative",
        "lists/index/middle",
        "lists/index/bad_index_type_and_false",
        "parse/repeat/index",
    ),
    "nothing loops: there are no macros over lists": (
        "macros/exists/list_elem_none_true",
        "macros/all/list_elem_some_true",
        "macros/exists_one/list_one_false",
        "macros/nested/filter_all",
    ),
    "names are fields of the event: there is no container that they are looked up in first": (
        "namespace/namespace/self_eval_container_lookup_unchecked",
    ),
    "there are no protocol buffer types and enums": (
        "enums/strong_proto3/comparison_true",
        "proto2/literal_singular/float_eq_int",
    ),
    "texts stand in one pair of quotes: there are neither triple quotes nor raw texts": (
        "parse/string_literals/triple_double_quoted_escaped_punctuation",
        "parse/string_literals/triple_double_quoted_unescaped_special_control_characters",
        "parse/string_literals/triple_double_quoted_escaped_carriage_return",
        "parse/string_literals/triple_double_quoted_escaped_all_control_characters",
        "parse/string_literals/triple_double_quoted_lower_x_escapes",
        "parse/string_literals/unassigned_code_point_triple_double_quoted_escapes",
        "parse/string_literals/upper_raw_double_quoted_escapes",
    ),
    "a function that does not exist is a mistake at load, also where || would pass over it": (
        "parse/receiver_function_names/as",
        "parse/receiver_function_names/loop",
    ),
    "there are no regular expressions: startsWith, endsWith and contains can't be made slow": (
        "string/matches/unicode",
    ),
    "the functions of CEL's string extension are not there; lower, upper and trim are": (
        "string_ext/char_at/end_index",
        "string_ext/index_of/unicode_string_index",
        "string_ext/last_index_of/empty_index",
        "string_ext/ascii_casing/lowerascii",
        "string_ext/split/empty",
        "string_ext/quote/escaped",
        "string_ext/quote/printable_unicode",
        "string_ext/reverse/multiple",
    ),
    "texts are put together by {{ }} in templates: there is no format": (
        "string_ext/format/mid-string substitution",
        "string_ext/format/lowercase hexadecimal formatting clause",
        "string_ext/format/default precision for scientific notation with int",
        "string_ext/format/negative infinity support for fixed-point",
        "string_ext/format/dyntype support for numbers with string formatting clause",
        "string_ext/format/dyntype support for duration",
        "string_ext/format/format_%f_insignificant_zeroes_removed",
    ),
    "time is the engine's (`for`, windows): expressions have no timestamps": (
        "timestamps/timestamp_selectors/getHours",
        "timestamps/timestamp_selectors_tz/getDayOfWeek",
        "timestamps/timestamp_equality/neq_diff",
        "timestamps/timestamp_arithmetic/subtract_duration_from_time",
        "timestamps/comparisons/geq_timestamp_false",
    ),
}
