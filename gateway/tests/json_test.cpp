// The strict JSON reader and the writers.
#include "json.hpp"

#include <gtest/gtest.h>

using gateway::BadJson;
using gateway::json_string;
using gateway::parse_json;

TEST(Json, ReadsValues) {
    const auto value = parse_json(R"( {"a": [1, -2, 1.5, true, null, "\u00e4\n"], "b": {"a": {}}} )");
    EXPECT_EQ(value.dump(), "{\"a\":[1,-2,1.5,true,null,\"\xc3\xa4\\n\"],\"b\":{\"a\":{}}}");
    EXPECT_EQ(parse_json("3"), 3);
}

TEST(Json, RefusesWhatIsNotStrictJson) {
    for (const std::string text : {"", " ", "{", "}", "{}{}", "{} x", "{'a':1}", "{\"a\":1,}", "[1,]", "{\"a\"}", "NaN",
                                   "Infinity", "01", "+1", "1e999", "\"\\x\"", "\"a\nb\"", "\"\xff\"", "\"\xc0\xaf\"",
                                   "\"\xed\xa0\x80\"", "\"\\ud800\"", "/*c*/{}", "{a:1}", "tru"})
        EXPECT_THROW(parse_json(text), BadJson) << text;
    EXPECT_THROW(parse_json(std::string_view("{}\0{", 4)), BadJson) << "NUL ends nothing";
}

TEST(Json, RefusesDuplicateKeys) {
    EXPECT_THROW(parse_json(R"({"password":"a","password":"b"})"), BadJson);
    EXPECT_THROW(parse_json(R"({"x":{"a":1,"\u0061":2}})"), BadJson) << "however they are written";
    EXPECT_NO_THROW(parse_json(R"([{"a":1},{"a":1}])"));
}

TEST(Json, RefusesDepth) {
    EXPECT_NO_THROW(parse_json(std::string(16, '[') + std::string(16, ']')));
    EXPECT_THROW(parse_json(std::string(17, '[') + std::string(17, ']')), BadJson);
    EXPECT_THROW(parse_json(std::string(1'000'000, '[')), BadJson);
    EXPECT_THROW(parse_json("[[]]", 1), BadJson);
}

TEST(Json, ErrorsNeverQuoteTheInput) {
    for (const char *text : {R"({"password": "hunter2)", R"({"hunter2": 1, "hunter2": 2})", "hunter2"}) {
        try {
            parse_json(text);
            ADD_FAILURE() << text;
        } catch (const BadJson &error) {
            EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
            EXPECT_STRNE(error.what(), "");
        }
    }
}

TEST(Json, WritesStrings) {
    EXPECT_EQ(json_string("a\"b\\c\n\x01\x7f"), "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"");
    EXPECT_EQ(json_string(std::string_view("a\0b", 3)), "\"a\\u0000b\"");
    EXPECT_EQ(json_string("\xc3\xa4"), "\"\xc3\xa4\"");
    EXPECT_EQ(json_string("a\xff" "b"), "\"a?b\"") << "invalid UTF-8 never reaches the client";
}

TEST(Json, WritesErrors) {
    EXPECT_EQ(gateway::error_json("TNCY404", "no \"such\" thing"),
              R"({"code":"TNCY404","message":"no \"such\" thing","details":null,"hint":null})");
    EXPECT_EQ(gateway::error_json("42501", "m", "d", "h"), R"({"code":"42501","message":"m","details":"d","hint":"h"})");
}
