#include "http/request_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace gateway::http {

namespace {

constexpr std::string_view token_punctuation = "!#$%&'*+-.^_`|~";

constexpr bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

constexpr std::array<bool, 256> token_letters = [] {
    std::array<bool, 256> letters{};
    for (std::size_t i = 0; i < 128; ++i)
        letters[i] = is_alnum(static_cast<char>(i)) || token_punctuation.find(static_cast<char>(i)) != std::string_view::npos;
    return letters;
}();

bool is_token(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return token_letters[static_cast<unsigned char>(c)]; });
}

bool is_field_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
    });
}

bool is_target(std::string_view text) {
    return !text.empty() && text.front() == '/' && std::all_of(text.begin(), text.end(), [](char c) {
        return c > 0x20 && c < 0x7F && c != '#';
    });
}

bool is_host(std::string_view text) {
    return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
    });
}

bool has_token(std::string_view list, std::string_view wanted) {
    while (true) {
        const auto comma = list.find(',');
        if (equal_ignoring_case(trimmed(list.substr(0, comma)), wanted)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
}

constexpr std::array<std::string_view, 7> known_methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

} // namespace

RequestReader::State RequestReader::advance(std::string_view buffer) {
    while (state_ == State::head) {
        const auto newline = buffer.find('\n', scanned_);
        const std::size_t seen = newline == std::string_view::npos ? buffer.size() : newline + 1;
        if (!request_line_seen_ && seen > limits_.request_line_bytes) {
            refuse(414, "TNCY414", "the request line is too long");
            break;
        }
        if (seen > limits_.head_bytes) {
            refuse(431, "TNCY431", "the request's headers are too large");
            break;
        }
        scanned_ = seen;
        if (newline == std::string_view::npos) break;
        if (newline == line_start_ || buffer[newline - 1] != '\r') {
            refuse(400, "TNCY400", "a line of the request does not end with CR LF");
            break;
        }
        const auto line = buffer.substr(line_start_, newline - 1 - line_start_);
        line_start_ = newline + 1;
        if (line.empty() && request_line_seen_) {
            head_size_ = line_start_;
            check_head();
        } else {
            check_line(line);
        }
    }
    if (state_ == State::body && buffer.size() - head_size_ >= body_size_) state_ = State::complete;
    return state_;
}

void RequestReader::check_line(std::string_view line) {
    if (!request_line_seen_) return check_request_line(line);
    if (request_.headers.size() >= limits_.headers) return refuse(431, "TNCY431", "the request has too many headers");
    check_header_line(line);
}

void RequestReader::check_request_line(std::string_view line) {
    request_line_seen_ = true;
    const auto first = line.find(' ');
    const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
        return refuse(400, "TNCY400", "the request line is not METHOD target HTTP-version");
    const auto method = line.substr(0, first);
    const auto target = line.substr(first + 1, second - first - 1);
    const auto version = line.substr(second + 1);
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        if (version.starts_with("HTTP/")) return refuse(505, "TNCY505", "only HTTP/1.1 and HTTP/1.0 are served");
        return refuse(400, "TNCY400", "the request line is not METHOD target HTTP-version");
    }
    if (!is_token(method)) return refuse(400, "TNCY400", "the request's method is not a word");
    if (std::find(known_methods.begin(), known_methods.end(), method) == known_methods.end())
        return refuse(501, "TNCY501", "the request's method is not implemented");
    if (!is_target(target)) return refuse(400, "TNCY400", "the request's target is not a path");
    const auto question = target.find('?');
    request_.method = method;
    request_.path = target.substr(0, question);
    request_.has_query = question != std::string_view::npos;
    if (request_.has_query) request_.query = target.substr(question + 1);
    request_.minor_version = version.back() - '0';
}

void RequestReader::check_header_line(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') return refuse(400, "TNCY400", "folded headers are not accepted");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
        return refuse(400, "TNCY400", "a header has no valid name");
    const auto value = trimmed(line.substr(colon + 1));
    if (!is_field_value(value)) return refuse(400, "TNCY400", "a header holds a control character");
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    request_.headers.push_back({std::move(name), std::string(value)});
}

// The rules that need the whole head: what the length is, and that nothing could read it differently.
void RequestReader::check_head() {
    if (request_.count("host") != 1 || !is_host(*request_.header("host")))
        return refuse(400, "TNCY400", "the request needs exactly one valid Host header");
    if (request_.header("transfer-encoding")) {
        if (request_.header("content-length"))
            return refuse(400, "TNCY400", "the request has both Transfer-Encoding and Content-Length");
        return refuse(501, "TNCY501", "Transfer-Encoding is not accepted; send a Content-Length");
    }
    const std::string *encoding = request_.header("content-encoding");
    if (encoding && !equal_ignoring_case(*encoding, "identity"))
        return refuse(415, "TNCY415", "encoded bodies are not accepted; send the body as it is");
    if (request_.count("content-length") > 1)
        return refuse(400, "TNCY400", "the request has more than one Content-Length");
    if (const std::string *length = request_.header("content-length")) check_length(*length);
    if (state_ == State::refused) return;
    if (body_size_ > 0 && (request_.method == "GET" || request_.method == "HEAD" || request_.method == "OPTIONS"))
        return refuse(400, "TNCY400", "a " + request_.method + " request must not have a body");

    request_.keep_alive = request_.minor_version == 1;
    for (const Header &h : request_.headers) {
        if (h.name == "connection") {
            if (has_token(h.value, "close")) request_.keep_alive = false;
            else if (request_.minor_version == 0 && has_token(h.value, "keep-alive")) request_.keep_alive = true;
        } else if (h.name == "expect") {
            if (!equal_ignoring_case(h.value, "100-continue"))
                return refuse(417, "TNCY417", "the request's Expect header is not 100-continue");
            expects_continue_ = request_.minor_version == 1 && body_size_ > 0;
        }
    }
    state_ = State::body;
}

void RequestReader::check_length(std::string_view digits) {
    if (digits.empty() || !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return refuse(400, "TNCY400", "the Content-Length is not a number");
    for (const char c : digits) {
        body_size_ = body_size_ * 10 + static_cast<std::size_t>(c - '0');
        if (body_size_ > limits_.body_bytes) return refuse(413, "TNCY413", "the request's body is too large");
    }
}

void RequestReader::refuse(int status, const char *code, std::string message) {
    state_ = State::refused;
    refusal_ = {status, code, std::move(message)};
}

Request RequestReader::take(std::string &buffer) {
    Request request = std::move(request_);
    request.body.assign(buffer, head_size_, body_size_);
    buffer.erase(0, head_size_ + body_size_);
    *this = RequestReader(limits_);
    return request;
}

} // namespace gateway::http
