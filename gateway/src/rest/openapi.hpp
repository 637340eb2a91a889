// OpenAPI 3.1 of what a caller may use, made from the schema: comments become descriptions.
#pragma once

#include "rest/schema.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace gateway::rest {

enum class Role { user, admin }; // tenancy_user, tenancy_admin

// The document. `prefix` is the API's path, `cookie` the name of the session's cookie.
std::string openapi_json(const Schema &schema, Role role, const std::string &prefix, const std::string &cookie);

// Documents of the newest schema, each made once.
class OpenApi {
public:
    explicit OpenApi(std::string prefix) : prefix_(std::move(prefix)) {}

    struct Document {
        std::string json;
        std::string etag;
    };
    std::shared_ptr<const Document> of(const Schema &schema, Role role, const std::string &cookie);

private:
    const std::string prefix_;
    std::mutex mutex_;
    std::uint64_t version_ = 0;
    std::map<std::pair<Role, std::string>, std::shared_ptr<const Document>> documents_; // of that version
};

} // namespace gateway::rest
