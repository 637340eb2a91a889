// Signing in, looking, choosing a tenant, signing out.
#pragma once

#include "handlers/services.hpp"

#include <optional>

namespace gateway::handlers {

void login(Services &, const http::Request &, const Names &, httplib::Response &);
void show_session(Services &, const http::Request &, const Names &, httplib::Response &);
void choose_tenant(Services &, const http::Request &, const Names &, httplib::Response &);
void logout(Services &, const http::Request &, const Names &, httplib::Response &);

// Who asks, or HttpError 401.
db::Caller required_caller(const Services &services, const http::Request &request);

struct LoginForm {
    std::string user_name; // empty when missing
    std::string password;  // empty when missing
};
LoginForm read_login_form(const std::string &body); // throws HttpError 400
// Nothing when the body says null: no tenant, which is all of them for an admin. Throws HttpError 400.
std::optional<std::string> read_tenant_choice(const std::string &body);

} // namespace gateway::handlers
