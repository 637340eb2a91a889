// What every handler may use. One per process; everything in it is safe to use from all workers.
#pragma once

#include "credentials.hpp"
#include "db/tenant_client.hpp"
#include "http/request.hpp"
#include "metrics.hpp"
#include "rest/executor.hpp"
#include "rest/openapi.hpp"
#include "rest/schema_cache.hpp"

#include <httplib.h>

#include <memory>
#include <semaphore>
#include <string>
#include <vector>

namespace gateway {

struct Services {
    Credentials credentials;
    db::TenantClient &database;
    std::string demo_json; // empty: there is none
    std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
    std::shared_ptr<rest::SchemaCache> schema = nullptr;
    std::shared_ptr<rest::OpenApi> openapi = nullptr;
    std::shared_ptr<rest::Executor> data = nullptr;
    // Of answers that are made while they are sent: each holds a worker and a connection as long as its client reads.
    std::shared_ptr<std::counting_semaphore<>> streams = nullptr;
};

// `names` are the decoded path segments that a route leaves open.
using Names = std::vector<std::string>;

inline void answer_json(httplib::Response &response, std::string body) {
    response.status = 200;
    response.body = std::move(body);
    // Everybody's type but that of rows, which their format tells.
    response.set_header("Content-Type", "application/json; charset=utf-8");
}

} // namespace gateway
