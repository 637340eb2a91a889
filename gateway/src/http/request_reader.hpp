// The strict checker of request bytes. Pure: it looks at a buffer that the caller fills, opens no socket and reads no
// clock, so tables of hostile input and a fuzzer can drive it. Whatever is not plainly one HTTP/1.x request with a
// known length is refused; a refusal is final, the connection must be closed after it.
#pragma once

#include "http/request.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace gateway::http {

struct RequestLimits {
    std::size_t head_bytes = 16 * 1024;
    std::size_t request_line_bytes = 8 * 1024;
    std::size_t headers = 100;
    std::size_t body_bytes = 1024 * 1024;
};

class RequestReader {
public:
    enum class State { head, body, complete, refused };

    explicit RequestReader(const RequestLimits &limits) : limits_(limits) {}

    // Looks at the bytes that came since the last call. `buffer` starts at the first byte of this request and only
    // ever grows between calls.
    State advance(std::string_view buffer);

    // Hands out the complete request and removes its bytes from `buffer`; what follows them is the next request.
    Request take(std::string &buffer);

    // The head is checked and asks for "100 Continue" before it sends the body.
    bool expects_continue() const { return state_ == State::body && expects_continue_; }
    void continue_sent() { expects_continue_ = false; }

    State state() const { return state_; }
    const Request &request() const { return request_; } // without its body
    const Refusal &refusal() const { return refusal_; }

private:
    void check_line(std::string_view line);
    void check_request_line(std::string_view line);
    void check_header_line(std::string_view line);
    void check_head();
    void check_length(std::string_view digits);
    void refuse(int status, const char *code, std::string message);

    RequestLimits limits_;
    State state_ = State::head;
    Request request_;
    Refusal refusal_;
    std::size_t line_start_ = 0;
    std::size_t scanned_ = 0;
    std::size_t head_size_ = 0;
    std::size_t body_size_ = 0;
    bool expects_continue_ = false;
    bool request_line_seen_ = false;
};

} // namespace gateway::http
