// The parts around the compiler: the query string, preferences, ranges, page tokens, bodies.
#include "rest/body.hpp"
#include "rest/error.hpp"
#include "rest/keyset.hpp"
#include "rest/prefer.hpp"
#include "rest/query_string.hpp"
#include "rest/range.hpp"
#include "rest_case.hpp"

#include <algorithm>

#include <gtest/gtest.h>

using namespace gateway::rest;

TEST(RestQueryString, IsDecoded) {
    const auto pairs = parse_query_string("a=b+c&%C3%A4=%26%3D&x&=y&&z==", {});
    ASSERT_EQ(pairs.size(), 5u);
    EXPECT_EQ(pairs[0].value, "b c");
    EXPECT_EQ(pairs[1].name, "ä");
    EXPECT_EQ(pairs[1].value, "&=");
    EXPECT_EQ(pairs[2].name, "x");
    EXPECT_EQ(pairs[2].value, "");
    EXPECT_EQ(pairs[3].name, "");
    EXPECT_EQ(pairs[4].value, "=");
}

TEST(RestPreferences, AreReadFromAllHeaders) {
    const auto prefer = parse_preferences(
        {"return=representation, count=exact", "resolution=merge-duplicates,missing=default,tx=rollback"});
    EXPECT_EQ(prefer.returns, Preferences::Return::representation);
    EXPECT_EQ(prefer.count, Preferences::Count::exact);
    EXPECT_EQ(prefer.resolution, Preferences::Resolution::merge_duplicates);
    EXPECT_TRUE(prefer.missing_default);
    EXPECT_TRUE(prefer.rollback);
    EXPECT_EQ(prefer.applied,
              (std::vector<std::string>{"return=representation", "count=exact", "resolution=merge-duplicates",
                                        "missing=default", "tx=rollback"}));
}

TEST(RestPreferences, UnknownOnesAreIgnoredUnlessStrict) {
    EXPECT_TRUE(parse_preferences({"foo=bar, return=none, return=minimal,, ,=,x"}).applied.empty())
        << "the first return counts";
    EXPECT_THROW(parse_preferences({"handling=strict", "foo=bar"}), Error);
    EXPECT_THROW(parse_preferences({"handling=strict, max-affected=-1"}), Error);
    EXPECT_EQ(parse_preferences({"handling=strict, max-affected=5"}).max_affected, 5);
    const auto lenient = parse_preferences({"max-affected=5"});
    EXPECT_EQ(lenient.max_affected, std::nullopt);
    EXPECT_TRUE(lenient.applied.empty()) << "what is not obeyed is not said to be applied";
}

TEST(RestRange, IsReadStrictly) {
    EXPECT_EQ(parse_range("0-9")->last, 9);
    EXPECT_EQ(parse_range("items=5-")->first, 5);
    EXPECT_EQ(parse_range("5-")->last, std::nullopt);
    for (const char *broken :
         {"", "-", "-5", "a-b", "1", "1-2-3", "bytes=0-9", "0-9,20-29", "+1-2", "99999999999999999999-"})
        EXPECT_FALSE(parse_range(broken)) << broken;
    EXPECT_THROW(parse_range("9-0"), Error);
}

TEST(RestRange, MeetsLimitAndOffset) {
    const auto page = [](const std::string &query, std::int64_t first, std::optional<std::int64_t> last) {
        Request request;
        request.query = query;
        request.range = RowRange{first, last};
        const Query made = read_query(rest_case::schema(), "notes", request, {});
        return std::pair(made.root.offset_value, made.root.limit_value);
    };
    using Page = std::pair<std::int64_t, std::int64_t>;
    EXPECT_EQ(page("", 0, 9), Page(0, 10));
    EXPECT_EQ(page("", 10, std::nullopt), Page(10, 1000));
    EXPECT_EQ(page("limit=5", 0, 9), Page(0, 5));
    EXPECT_EQ(page("limit=5&offset=3", 4, 100), Page(4, 4));
    EXPECT_EQ(page("offset=20", 0, 9), Page(20, 0));
    EXPECT_EQ(page("", 0, 9223372036854775807), Page(0, 1000));
    EXPECT_EQ(page("limit=5000", 0, std::nullopt), Page(0, 1000));
    EXPECT_EQ(page("limit=1", 9223372036854775807, 9223372036854775807), Page(9223372036854775807, 0));
}

TEST(RestRange, SaysWhichPartAnAnswerIs) {
    EXPECT_EQ(part_of(0, 10, std::nullopt).content_range, "0-9/*");
    EXPECT_EQ(part_of(0, 10, std::nullopt).status, 200);
    EXPECT_EQ(part_of(0, 10, 100).status, 206);
    EXPECT_EQ(part_of(90, 10, 100).content_range, "90-99/100");
    EXPECT_EQ(part_of(0, 3, 3).status, 200);
    EXPECT_EQ(part_of(0, 0, 0).content_range, "*/0");
    EXPECT_EQ(part_of(5, 0, 5).content_range, "*/5");
    EXPECT_THROW(part_of(6, 0, 5), Error);
}

TEST(RestKeyset, ATokenGivesBackItsValues) {
    const auto values = read_keyset_token(keyset_token(R"(["ä\n", null, "3"])"));
    EXPECT_EQ(values, (std::vector<std::optional<std::string>>{"ä\n", std::nullopt, "3"}));
    for (const std::string text : {"a", "ab", "abc", "abcd", "abcde"}) // each rest that base64 may leave
        EXPECT_EQ(read_keyset_token(keyset_token("[\"" + text + "\"]")), std::vector<std::optional<std::string>>{text});
    for (const char *text : {"", "{}", "[]", "[1]", "[[\"a\"]]", "[\"a\"", "[\"\\u0000\"]", "\"a\"", "[true]"})
        EXPECT_THROW(read_keyset_token(keyset_token(text)), Error) << text;
}

TEST(RestBody, TellsTheKeysOfItsRows) {
    const Body body = read_json_body(R"([{"a":1,"b":{"c":2}},{"b":[{"d":1}],"a":null},{},{"b":1}])", {});
    EXPECT_TRUE(body.is_array);
    EXPECT_EQ(body.key_sets, (std::vector<std::vector<std::string>>{{"a", "b"}, {}, {"b"}}));
    EXPECT_EQ(body.row_sets, (std::vector<std::size_t>{0, 0, 1, 2}));
    EXPECT_EQ(body.scalars, (std::map<std::string, std::string>{{"a", "1"}}));
    const Body numbers = read_json_body(R"({"big":123456789012345678901234567890,"n":-5,"t":true,"s":"x"})", {});
    EXPECT_EQ(numbers.scalars.at("big"), "123456789012345678901234567890");
    EXPECT_EQ(numbers.scalars.at("n"), "-5");
    EXPECT_EQ(numbers.scalars.at("t"), "true");
    EXPECT_EQ(numbers.scalars.at("s"), "x");
}

TEST(RestBody, ReadsCsvAsRfc4180) {
    const Body body = read_csv_body("a,\"b \"\"q\"\"\"\r\n1,NULL\n\"x\r\ny\",\"NULL\"\n,\"\"", {});
    EXPECT_EQ(body.json, R"([{"a":"1","b \"q\"":null},{"a":"x\u000d\u000ay","b \"q\"":"NULL"},{"a":"","b \"q\"":""}])");
    EXPECT_EQ(body.row_sets.size(), 3u);
    EXPECT_THROW(read_csv_body("a\n\xff", {}), Error);
    EXPECT_EQ(read_csv_body("a,b\n", {}).json, "[]");
}
