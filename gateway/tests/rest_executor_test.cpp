// What stands between a request and its statement, as far as it needs no database: which form is wanted, and which
// statement was compiled before.
#include "rest/error.hpp"
#include "rest/negotiation.hpp"
#include "rest/statement_cache.hpp"

#include <gtest/gtest.h>

using namespace gateway::rest;

namespace {

template <typename Call>
int status_of(const Call &call) {
    try {
        call();
        return 200;
    } catch (const Error &error) {
        return error.status;
    }
}

Statement statement(const std::string &sql) {
    Statement made;
    made.sql = sql;
    return made;
}

} // namespace

TEST(RestNegotiation, TheFormThatIsLikedBestAndCanBeHad) {
    const std::vector<std::pair<std::vector<std::string_view>, Format>> cases = {
        {{}, Format::json},
        {{""}, Format::json},
        {{"*/*"}, Format::json},
        {{"application/json"}, Format::json},
        {{"Application/JSON; Charset=UTF-8"}, Format::json},
        {{"application/vnd.pgrst.object+json"}, Format::object},
        {{"application/vnd.pgrst.array+json"}, Format::json},
        {{"text/csv"}, Format::csv},
        {{"text/*"}, Format::csv},
        {{"application/x-ndjson"}, Format::lines},
        {{"text/html, text/csv"}, Format::csv},
        {{"text/html", "text/csv"}, Format::csv},
        {{"text/csv;q=0.5, application/json;q=0.501"}, Format::json},
        {{"text/csv;q=0.5, application/json;q=0.5"}, Format::csv},
        {{"application/json;q=0, text/csv;q=0.001"}, Format::csv},
        {{"application/json;q=x, text/csv;q=0.1"}, Format::csv},
        {{"application/vnd.pgrst.object+json;nulls=stripped, */*;q=0.1"}, Format::json},
    };
    for (const auto &[headers, format] : cases)
        EXPECT_EQ(accepted_format(headers), format) << (headers.empty() ? "" : headers.front());
    for (const char *header : {"text/html", "application/json;q=0", "application/json;q=2", "json", "application/json;nulls=stripped",
                               "application/vnd.pgrst.plan+json", "application/json;q=0.1234"})
        EXPECT_EQ(status_of([&] { accepted_format({header}); }), 406) << header;
}

TEST(RestNegotiation, TheFormOfABody) {
    EXPECT_EQ(body_format({}), BodyFormat::json);
    EXPECT_EQ(body_format({"application/json"}), BodyFormat::json);
    EXPECT_EQ(body_format({"application/json;charset=UTF-8"}), BodyFormat::json);
    EXPECT_EQ(body_format({"text/csv; charset=\"utf-8\""}), BodyFormat::csv);
    EXPECT_EQ(body_format({"application/x-www-form-urlencoded"}), BodyFormat::form);
    for (const char *type : {"", "text/plain", "application/json;charset=latin1", "multipart/form-data; boundary=x", "application/json, text/csv"})
        EXPECT_EQ(status_of([&] { body_format({type}); }), 415) << type;
    EXPECT_EQ(status_of([] { body_format({"application/json", "application/json"}); }), 415);
}

TEST(RestStatementCache, CompilesOnceForEachShapeAndVersion) {
    StatementCache cache(1 << 20);
    int made = 0;
    const auto get = [&](std::uint64_t version, const char *shape) {
        return cache.get(version, shape, [&] {
            ++made;
            return statement(std::string(shape) + std::to_string(version));
        });
    };
    EXPECT_EQ(get(1, "a")->statement.sql, "a1");
    EXPECT_EQ(get(1, "a")->statement.sql, "a1");
    EXPECT_EQ(made, 1);
    EXPECT_EQ(get(2, "a")->statement.sql, "a2");
    EXPECT_EQ(get(1, "b")->statement.sql, "b1");
    EXPECT_EQ(made, 3);
}

TEST(RestStatementCache, OnlyWhatComesAgainHasANameAndNoTwoHaveTheSame) {
    StatementCache cache(1 << 20);
    const auto name = [&](const char *shape) { return cache.get(1, shape, [&] { return statement(shape); })->prepared.name; };
    EXPECT_EQ(name("a"), "");
    EXPECT_EQ(name("b"), "");
    const std::string a = name("a");
    EXPECT_NE(a, "");
    EXPECT_EQ(name("a"), a);
    EXPECT_NE(name("b"), a);
}

TEST(RestStatementCache, KeepsWhatWasUsedLastWithinItsBytes) {
    StatementCache cache(8000);
    int made = 0;
    const auto get = [&](const std::string &shape) {
        cache.get(1, shape, [&] {
            ++made;
            return statement(std::string(1000, 'x'));
        });
    };
    for (const char *shape : {"a", "b", "c"}) get(shape);
    get("a");
    EXPECT_EQ(made, 3);
    get("d"); // b goes
    EXPECT_EQ(cache.size(), 3U);
    get("a");
    EXPECT_EQ(made, 4);
    get("b");
    EXPECT_EQ(made, 5);
    const std::string large(9000, 'y');
    get(large);
    EXPECT_EQ(cache.size(), 0U) << "what is larger than all of it is not kept";
    EXPECT_EQ(status_of([&] { cache.get(1, "z", []() -> Statement { throw Error(400, "x", "y"); }); }), 400);
}
