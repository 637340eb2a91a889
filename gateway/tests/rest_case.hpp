// One request for data in a table of tests, and what the compiler makes of it on the sample schema.
#pragma once

#include "rest/compile.hpp"
#include "rest_sample.hpp"

#include <optional>
#include <string>

namespace rest_case {

using namespace gateway::rest;

struct Asked {
    std::string method;
    std::string target; // a relation, or rpc/function
    std::string query;
    std::string body;
    std::string prefer;
    std::string format = "json";
    std::string body_format = "json";
    std::optional<std::string> id = std::nullopt;
};

struct Made {
    Query query;
    Statement statement;
};

inline const Schema &schema() {
    static const Schema made = rest_sample::make();
    return made;
}

inline Query query_of(const Asked &asked, const Limits &limits = {}) {
    Request request;
    request.method = asked.method == "GET"     ? Method::get
                     : asked.method == "HEAD"  ? Method::head
                     : asked.method == "POST"  ? Method::post
                     : asked.method == "PUT"   ? Method::put
                     : asked.method == "PATCH" ? Method::patch
                                               : Method::delete_;
    request.query = asked.query;
    request.body = asked.body;
    request.id = asked.id;
    request.format = asked.format == "csv"      ? Format::csv
                     : asked.format == "object" ? Format::object
                     : asked.format == "lines"  ? Format::lines
                                                : Format::json;
    request.body_format = asked.body_format == "csv"    ? BodyFormat::csv
                          : asked.body_format == "form" ? BodyFormat::form
                                                        : BodyFormat::json;
    request.prefer = parse_preferences({asked.prefer});
    if (asked.target.starts_with("rpc/")) return call_query(schema(), asked.target.substr(4), request, limits);
    if (asked.method == "GET" || asked.method == "HEAD") return read_query(schema(), asked.target, request, limits);
    return write_query(schema(), asked.target, request, limits);
}

inline Made make(const Asked &asked, const Limits &limits = {}) {
    Made made{query_of(asked, limits), {}};
    made.statement = compile(schema(), made.query, limits);
    return made;
}

} // namespace rest_case
