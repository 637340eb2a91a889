// What every handler may use. One per process; everything in it is safe to use from all workers.
#pragma once

#include "credentials.hpp"
#include "db/tenant_client.hpp"
#include "http/request.hpp"
#include "metrics.hpp"

#include <httplib.h>

#include <memory>
#include <string>
#include <vector>

namespace gateway {

struct Services {
    Credentials credentials;
    db::TenantClient &database;
    std::string demo_json; // empty: there is none
    std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
};

// `names` are the decoded path segments that a route leaves open.
using Names = std::vector<std::string>;

inline void answer_json(httplib::Response &response, std::string body) {
    response.status = 200;
    response.body = std::move(body);
    // Exactly this type: cpp-httplib compresses any other JSON type at the slowest level.
    response.set_header("Content-Type", "application/json; charset=utf-8");
}

} // namespace gateway
