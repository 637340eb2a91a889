#include "handlers/records.hpp"

#include "handlers/session.hpp"
#include "http_error.hpp"

#include <cctype>

namespace gateway::handlers {

namespace {

// A filter that nobody applies would answer with more rows than were asked for.
void refuse_query(const http::Request &request) {
    if (!request.query.empty())
        throw HttpError(400, "TNCY400", "query parameters are not supported", "Ask for the path without '?'.");
}

// The page compares it with the session that it shows: the cookie may have changed in another tab meanwhile.
void answer_rows(httplib::Response &response, db::Answer &&answer) {
    std::string context = "user=" + http::percent_encoded(answer.user_id);
    if (answer.tenant_id) context += "&tenant=" + http::percent_encoded(*answer.tenant_id);
    response.set_header("Tenancy-Context", context);
    answer_json(response, std::move(answer.json));
}

HttpError no_such_record() { return HttpError(404, "TNCY404", "no such record"); }

// Postgres takes " 7" for 7; one row has one address.
void require_plain_id(const std::string &id) {
    const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    if (id.empty()) throw no_such_record();
    if (blank(id.front()) || blank(id.back())) throw HttpError(400, "22P02", "the id begins or ends with a space");
}

} // namespace

void list_records(Services &services, const http::Request &request, const Names &names, httplib::Response &response) {
    const db::Caller caller = required_caller(services, request);
    refuse_query(request);
    auto rows = services.database.list(caller, names.at(0));
    if (!rows) throw HttpError(404, "TNCY404", "no such resource");
    answer_rows(response, std::move(*rows));
}

// Another tenant's row, a missing row: the same answer, because the policies hide the one as if it were the other.
void show_record(Services &services, const http::Request &request, const Names &names, httplib::Response &response) {
    const db::Caller caller = required_caller(services, request);
    refuse_query(request);
    require_plain_id(names.at(1));
    auto row = services.database.one(caller, names.at(0), names.at(1));
    if (!row) throw no_such_record();
    answer_rows(response, std::move(*row));
}

} // namespace gateway::handlers
