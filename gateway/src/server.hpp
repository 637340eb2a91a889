// The gateway's HTTP face: the route table, the headers every answer carries, errors to answers, one log line each.
#pragma once

#include "edge.hpp"
#include "handlers/services.hpp"
#include "http_error.hpp"
#include "static_files.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace gateway {

class Server {
public:
    Server(const std::string &prefix, Services services, const std::string &web_root);

    // Never throws; called by all workers.
    void answer(http::Request &request, httplib::Response &response);

    // At any time: requests that are being answered keep the old one.
    void set_edge(Edge edge);

    // Whether the database is told which request it works for.
    void set_trace_to_database(bool trace) { trace_to_database_ = trace; }

    // Checking a password takes tens of milliseconds of the database's processor.
    bool is_slow(const http::Request &request) const;
    // Everything below the prefix, and the question whether the database is ready.
    bool needs_data(const http::Request &request) const;

private:
    void dispatch(const http::Request &request, const std::optional<Names> &segments, const Edge &edge,
                  std::string &name, httplib::Response &response);
    void count(const http::Request &request, const httplib::Response &response, const std::string &route_name,
               std::chrono::steady_clock::duration took);
    bool is_api(const std::optional<Names> &segments) const;
    std::shared_ptr<const Edge> current_edge();
    void answer_error(const http::Request &request, const HttpError &error, httplib::Response &response) const;

    const std::string prefix_text_;
    const Names prefix_;
    const Names login_path_; // decoded, as the routes compare it: an escaped path is a sign-in too
    Services services_;
    std::optional<StaticFiles> files_;
    std::atomic<bool> trace_to_database_{false};
    // Not an atomic one: libstdc++ 12 unlocks that without ordering the read before it.
    std::mutex edge_mutex_;
    std::shared_ptr<const Edge> edge_ = std::make_shared<const Edge>();
};

} // namespace gateway
