// libFuzzer target for the request checker (cmake -DGATEWAY_FUZZ=ON with clang++). The first byte says how the rest is
// cut into pieces; however it is cut, the verdict must be the same and nothing may be read that was not sent.
#include "http/request_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using gateway::http::Request;
using gateway::http::RequestLimits;
using gateway::http::RequestReader;
using State = RequestReader::State;

struct Result {
    std::size_t requests = 0;
    std::size_t bytes_left = 0;
    int refused_with = 0;
    std::string bodies;
    bool operator==(const Result &) const = default;
};

void require(bool condition) {
    if (!condition) std::abort();
}

void check(const Request &request, const RequestLimits &limits) {
    require(!request.path.empty() && request.path.front() == '/');
    require(request.count("host") == 1 && request.count("transfer-encoding") == 0);
    require(request.count("content-length") <= 1 && request.headers.size() <= limits.headers);
    require(request.body.size() <= limits.body_bytes);
    for (const auto &header : request.headers)
        require(header.name.find_first_of(" \t\r\n:") == std::string::npos &&
                header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    gateway::http::path_segments(request.path);
}

Result read_all(std::string_view text, std::size_t piece) {
    RequestLimits limits;
    limits.head_bytes = 512; // small, so that short inputs reach them
    limits.request_line_bytes = 128;
    limits.headers = 8;
    limits.body_bytes = 64;
    RequestReader reader(limits);
    Result result;
    std::string buffer;
    while (!text.empty() && reader.state() != State::refused) {
        const std::size_t n = std::min(piece, text.size());
        buffer.append(text.substr(0, n));
        text.remove_prefix(n);
        while (reader.advance(buffer) == State::complete) {
            const Request request = reader.take(buffer);
            check(request, limits);
            ++result.requests;
            result.bodies += request.body + "|";
        }
    }
    if (reader.state() == State::refused) result.refused_with = reader.refusal().status;
    else result.bytes_left = buffer.size();
    return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view text(reinterpret_cast<const char *>(data + 1), size - 1);
    require(read_all(text, text.size()) == read_all(text, data[0] % 16 + 1u));
    return 0;
}
