// The gateway's HTTP face: the route table, the headers every answer carries, errors to answers, one log line each.
#pragma once

#include "handlers/services.hpp"
#include "http_error.hpp"
#include "static_files.hpp"

#include <optional>
#include <string>

namespace gateway {

class Server {
public:
    Server(const std::string &prefix, Services services, const std::string &web_root);

    // Never throws; called by all workers.
    void answer(const http::Request &request, httplib::Response &response);

    // Checking a password takes tens of milliseconds of the database's processor.
    bool is_slow(const http::Request &request) const;

private:
    void dispatch(const http::Request &request, httplib::Response &response);
    void answer_error(const HttpError &error, httplib::Response &response) const;

    const Names prefix_;
    const Names login_path_; // decoded, as the routes compare it: an escaped path is a sign-in too
    Services services_;
    std::optional<StaticFiles> files_;
};

} // namespace gateway
