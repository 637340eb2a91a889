// From a schema made by hand to OpenAPI. That the whole is valid is judged by a public validator, in e2e/gateway.
#include "rest/openapi.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace gateway::rest;
using nlohmann::json;

namespace {

constexpr Allowed both{true, true};
constexpr Allowed admins{false, true};

Type type(const std::string &name, TypeKind kind) {
    Type made;
    made.sql_name = name;
    made.kind = kind;
    return made;
}

Column column(const std::string &name, Type of, bool nullable = true) {
    Column made;
    made.name = name;
    made.type = std::move(of);
    made.nullable = nullable;
    made.selectable = made.insertable = made.updatable = both;
    return made;
}

Relation relation(const std::string &name) {
    Relation made;
    made.name = name;
    made.columns = {column("id", type("bigint", TypeKind::number), false), column("name", type("text", TypeKind::text), false)};
    made.primary_key = {"id"};
    made.selectable = made.insertable = made.updatable = made.deletable = both;
    return made;
}

Schema schema(std::initializer_list<Relation> relations) {
    Schema made;
    made.name = "api";
    made.version = 1;
    for (const Relation &each : relations) made.relations.emplace(each.name, each);
    return made;
}

json document(const Schema &of, Role role = Role::user) { return json::parse(openapi_json(of, role, "/v1", "session_cookie")); }

json property(Column of) {
    Relation made = relation("t");
    made.columns.push_back(std::move(of));
    return document(schema({made})).at("components").at("schemas").at("t").at("properties").at(made.columns.back().name);
}

} // namespace

TEST(OpenApi, NamesPathCookieAndVersion) {
    const json made = document(schema({relation("t")}));
    EXPECT_EQ(made.at("openapi"), "3.1.0");
    EXPECT_EQ(made.at("servers").at(0).at("url"), "/v1");
    EXPECT_EQ(made.at("components").at("securitySchemes").at("session").at("name"), "session_cookie");
    EXPECT_EQ(made.at("security"), json::parse(R"([{"session":[]},{"bearer":[]}])"));
    EXPECT_EQ(made.at("paths").at("/auth/login").at("post").at("security"), json::array()) << "nobody is signed in yet";
}

TEST(OpenApi, TypesAreWhatTheJsonHolds) {
    EXPECT_EQ(property(column("c", type("integer", TypeKind::number))), json::parse(R"({"type":["integer","null"],"format":"int32"})"));
    EXPECT_EQ(property(column("c", type("numeric", TypeKind::number), false)), json::parse(R"({"type":"number"})"));
    EXPECT_EQ(property(column("c", type("jsonb", TypeKind::json))), json::object()) << "null is one of any values";
    EXPECT_EQ(property(column("c", type("timestamp without time zone", TypeKind::date_time), false)), json::parse(R"({"type":"string"})"))
        << "without a zone it is no date-time of RFC 3339";
    EXPECT_EQ(property(column("c", type("inet", TypeKind::other), false)), json::parse(R"({"type":"string"})"));
    EXPECT_EQ(property(column("c", type("public.citext", TypeKind::text), false)), json::parse(R"({"type":"string"})"));
    EXPECT_EQ(property(column("c", type("public.hstore", TypeKind::other), false)), json::object()) << "it may have a cast to JSON";
    Type mood = type("api.mood", TypeKind::enumeration);
    mood.labels = {"sad", "null"};
    EXPECT_EQ(property(column("c", mood)), json::parse(R"({"type":["string","null"],"enum":["sad","null",null]})"));
    Type moods = type("api.mood[]", TypeKind::array);
    moods.element = "api.mood";
    moods.labels = {"sad"};
    EXPECT_EQ(property(column("c", moods, false)), json::parse(R"({"type":"array","items":{"type":"string","enum":["sad"]}})"));
    Type domain = type("api.percent", TypeKind::number);
    domain.base = "smallint";
    EXPECT_EQ(property(column("c", domain, false)).at("maximum"), 32767);
}

TEST(OpenApi, WritesAreDescribedApart) {
    Relation t = relation("t");
    t.columns[0].identity_always = true;
    Column made = column("made", type("date", TypeKind::date_time), false);
    made.has_default = true;
    Column sum = column("sum", type("integer", TypeKind::number));
    sum.generated = true;
    sum.insertable = sum.updatable = {};
    Column fixed = column("fixed", type("text", TypeKind::text), false);
    fixed.updatable = {};
    t.columns.insert(t.columns.end(), {made, sum, fixed});
    const json schemas = document(schema({t})).at("components").at("schemas");
    const auto names = [](const json &of) {
        std::vector<std::string> all;
        for (const auto &[name, value] : of.at("properties").items()) all.push_back(name);
        return all;
    };
    EXPECT_EQ(names(schemas.at("t")), (std::vector<std::string>{"fixed", "id", "made", "name", "sum"}));
    EXPECT_EQ(names(schemas.at("t.insert")), (std::vector<std::string>{"fixed", "made", "name"}));
    EXPECT_EQ(schemas.at("t.insert").at("required"), (json{"name", "fixed"}));
    EXPECT_EQ(names(schemas.at("t.update")), (std::vector<std::string>{"made", "name"}));
    EXPECT_FALSE(schemas.at("t.update").contains("required"));
    EXPECT_EQ(schemas.at("t").at("properties").at("sum").at("readOnly"), true);
}

TEST(OpenApi, PutNeedsAKeyThatCanBeChosen) {
    Relation t = relation("t");
    const json put = document(schema({t})).at("paths").at("/t").at("put");
    EXPECT_EQ(put.at("parameters").at(0).at("name"), "id");
    EXPECT_EQ(put.at("parameters").at(0).at("required"), true);
    const json body = document(schema({t})).at("components").at("schemas").at("t.put");
    EXPECT_EQ(body.at("required"), json{"name"}) << "the address has the key";
    EXPECT_TRUE(document(schema({t})).at("paths").at("/t/{id}").contains("put"));
    t.columns[0].identity_always = true;
    EXPECT_FALSE(document(schema({t})).at("paths").at("/t").contains("put")) << "Postgres chooses it";
    t.columns[0].identity_always = false;
    t.updatable = {};
    EXPECT_FALSE(document(schema({t})).at("paths").at("/t").contains("put"));
    t.updatable = both;
    t.primary_key = {"id", "name"};
    EXPECT_TRUE(document(schema({t})).at("paths").at("/t").contains("put"));
    EXPECT_FALSE(document(schema({t})).at("paths").at("/t/{id}").contains("put")) << "the address has a part of the key";
    t.primary_key = {};
    EXPECT_FALSE(document(schema({t})).at("paths").at("/t").contains("put"));
}

TEST(OpenApi, KeysetPagesNeedAPrimaryKey) {
    Relation t = relation("t");
    const auto described = [&] { return document(schema({t})).at("paths").at("/t").at("get").at("parameters").dump().find("parameters/after") != std::string::npos; };
    EXPECT_TRUE(described());
    t.primary_key = {};
    EXPECT_FALSE(described());
}

TEST(OpenApi, FormsOfRows) {
    const json paths = document(schema({relation("t")})).at("paths");
    const json lines = paths.at("/t").at("get").at("responses").at("200").at("content");
    for (const char *form : {"application/json", "application/vnd.pgrst.object+json", "text/csv", "application/x-ndjson"})
        EXPECT_TRUE(lines.contains(form)) << form;
    EXPECT_FALSE(paths.at("/t").at("post").at("responses").at("201").at("content").contains("application/x-ndjson"));
    EXPECT_TRUE(paths.at("/t").at("post").at("requestBody").at("content").contains("text/csv"));
}

TEST(OpenApi, EachRoleSeesItsOwn) {
    Relation t = relation("t");
    t.deletable = admins;
    t.columns[1].selectable = t.columns[1].insertable = t.columns[1].updatable = admins;
    t.columns[1].comment = "of admins";
    Relation secret = relation("secret");
    secret.selectable = secret.insertable = secret.updatable = secret.deletable = admins;
    Schema of = schema({t, secret});
    Function function;
    function.name = "office";
    function.returns = ReturnKind::nothing;
    function.executable = admins;
    of.functions.emplace("office", function);
    of.foreign_keys.push_back({"t_id_fkey", "t", {"id"}, "secret", {"id"}, true});

    const json user = document(of);
    EXPECT_FALSE(user.at("paths").contains("/secret"));
    EXPECT_FALSE(user.at("paths").contains("/rpc/office"));
    EXPECT_FALSE(user.at("paths").at("/t").contains("delete"));
    EXPECT_FALSE(user.at("components").at("schemas").at("t").at("properties").contains("name"));
    EXPECT_EQ(user.dump().find("secret"), std::string::npos) << "also not as what a key refers to";
    EXPECT_EQ(user.dump().find("of admins"), std::string::npos) << "nor the comment of a column that others read";
    const json admin = document(of, Role::admin);
    EXPECT_TRUE(admin.at("paths").contains("/secret"));
    EXPECT_TRUE(admin.at("paths").at("/rpc/office").at("post").at("responses").contains("204"));
    EXPECT_TRUE(admin.at("paths").at("/t").contains("delete"));
}

TEST(OpenApi, AnyNameIsAPathAndAComponent) {
    const json made = document(schema({relation("a b"), relation("a_b"), relation("a/{b}"), relation("ä")}));
    const json &paths = made.at("paths");
    for (const char *path : {"/a%20b", "/a_b", "/a%2F%7Bb%7D", "/%C3%A4", "/a%20b/{id}"}) EXPECT_TRUE(paths.contains(path)) << path;
    for (const auto &[name, value] : made.at("components").at("schemas").items())
        EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), std::string::npos) << name;
    // error, session, and four for each relation
    EXPECT_EQ(made.at("components").at("schemas").size(), 2u + 4 * 4);
}

TEST(OpenApi, AColumnNamedLikeAParameterIsNoFilter) {
    Relation t = relation("t");
    t.columns.push_back(column("select", type("text", TypeKind::text)));
    std::set<std::string> names;
    const json made = document(schema({t}));
    for (const json &each : made.at("paths").at("/t").at("get").at("parameters"))
        EXPECT_TRUE(names.insert(each.contains("name") ? each.at("name") : each.at("$ref")).second) << each;
    EXPECT_TRUE(names.contains("id"));
    EXPECT_FALSE(names.contains("select"));
}

TEST(OpenApi, OverloadsShareAPath) {
    Schema of = schema({});
    for (const bool second : {false, true}) {
        Function function;
        function.name = "f";
        function.arguments.push_back({"a", type(second ? "text" : "integer", second ? TypeKind::text : TypeKind::number), false, false});
        if (second) function.arguments.push_back({"b", type("date", TypeKind::date_time), true, false});
        function.return_type = type("integer", TypeKind::number);
        function.volatility = second ? Volatility::volatile_ : Volatility::stable;
        function.executable = both;
        of.functions.emplace("f", function);
    }
    const json item = document(of).at("paths").at("/rpc/f");
    EXPECT_FALSE(item.contains("get")) << "one of the two may change rows";
    const json body = item.at("post").at("requestBody").at("content").at("application/json").at("schema");
    ASSERT_EQ(body.at("anyOf").size(), 2u);
    EXPECT_EQ(body.at("anyOf").at(1).at("required"), json{"a"});
}

TEST(OpenApi, ADocumentIsMadeOnceForEachVersion) {
    OpenApi all("/v1");
    Schema of = schema({relation("t")});
    const auto first = all.of(of, Role::user, "c");
    EXPECT_EQ(all.of(of, Role::user, "c"), first);
    EXPECT_NE(all.of(of, Role::admin, "c"), first);
    EXPECT_NE(all.of(of, Role::user, "__Host-c")->etag, first->etag);
    Schema newer = schema({relation("t"), relation("u")});
    newer.version = 2;
    const auto second = all.of(newer, Role::user, "c");
    EXPECT_NE(second->etag, first->etag);
    all.of(of, Role::user, "c"); // by a request that began before
    EXPECT_EQ(all.of(newer, Role::user, "c"), second);
}
