// One request for data in a table of tests, and what the compiler makes of it on the sample schema.
#pragma once

#include "rest/compile.hpp"
#include "rest_sample.hpp"
#include "rest_seed.hpp"

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

inline Query query_of(std::string_view target, const Request &request, const Limits &limits) {
    if (target.starts_with("rpc/")) return call_query(schema(), target.substr(4), request, limits);
    const bool reads = request.method == Method::get || request.method == Method::head;
    return reads ? read_query(schema(), target, request, limits) : write_query(schema(), target, request, limits);
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
    rest_seed::keep({asked.target, asked.prefer, request});
    request.prefer = parse_preferences({asked.prefer});
    return query_of(asked.target, request, limits);
}

inline Made make(const Asked &asked, const Limits &limits = {}) {
    Made made{query_of(asked, limits), {}};
    made.statement = compile(schema(), made.query, limits);
    return made;
}

} // namespace rest_case
