// The gateway's path of a request without network and database, for counting instructions: bytes to a checked request, to
// a query, to a statement and its parameters; then an answer's headers and bytes.
//
//     gateway_path_bench REQUESTS
//
// Prints how many bytes the answers had, so that none of it can be left out.
#include "credentials.hpp"
#include "edge.hpp"
#include "http/answer.hpp"
#include "http/request_reader.hpp"
#include "rest/negotiation.hpp"
#include "rest/statement_cache.hpp"
#include "rest_sample.hpp"
#include "tracing.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace gateway;

std::vector<std::string_view> values_of(const http::Request &request, std::string_view name) {
    std::vector<std::string_view> values;
    for (const http::Header &header : request.headers)
        if (header.name == name) values.push_back(header.value);
    return values;
}

const std::string common = "Host: app.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: application/json\r\n"
                           "Accept-Language: en\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n"
                           "Cookie: tenancy_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n\r\n";
const std::array<std::string, 3> asked = {
    "GET /api/notes HTTP/1.1\r\n" + common,
    "GET /api/notes/7 HTTP/1.1\r\n" + common,
    "GET /api/notes?select=id,title&id=gt.7&title=like.*a*&order=id.desc&limit=50 HTTP/1.1\r\n" + common,
};
const std::string five_rows(500, 'x'); // what Postgres would have said

class Path {
public:
    std::size_t take(const std::string &bytes) {
        in_ = bytes;
        if (reader_.advance(in_) != http::RequestReader::State::complete) throw std::runtime_error("a request was refused");
        http::Request request = reader_.take(in_);
        request.remote_address = "192.0.2.1";
        const std::string id = request_id(request);
        edge_.resolve(request);
        require_own_page(request);
        const auto segments = http::path_segments(request.path).value();
        const db::Caller caller = credentials_.caller(request).value();

        rest::Request question;
        question.query = request.query;
        question.prefer = rest::parse_preferences(values_of(request, "prefer"));
        question.format = rest::accepted_format(values_of(request, "accept"));
        if (segments.size() == 3) question.id = segments.back();
        const rest::Query query = rest::read_query(schema_, segments.at(1), question, limits_);
        const auto entry = statements_.get(schema_.version, query.shape, [&] { return rest::compile(schema_, query, limits_); });

        httplib::Response response;
        response.status = 200;
        response.body = entry->statement.body_prefix;
        response.body += five_rows;
        response.set_header("Content-Type", std::string(rest::media_type(question.format)));
        edge_.set_headers(request, true, response);
        response.set_header("X-Request-Id", id);
        out_.clear();
        http::append_answer(out_, request, response, false);
        return out_.size() + query.parameters.size() + caller.token.size();
    }

private:
    const rest::Schema schema_ = rest_sample::make();
    const rest::Limits limits_;
    const Edge edge_;
    const Credentials credentials_{false};
    rest::StatementCache statements_{1 << 20};
    http::RequestReader reader_{http::RequestLimits{}};
    std::string in_;
    std::string out_;
};

} // namespace

int main(int count, char **words) {
    const long requests = count > 1 ? std::strtol(words[1], nullptr, 10) : 1;
    Path path;
    std::size_t bytes = 0;
    for (long i = 0; i < requests; ++i) bytes += path.take(asked[static_cast<std::size_t>(i) % asked.size()]);
    std::printf("%ld requests, %zu bytes\n", requests, bytes);
}
