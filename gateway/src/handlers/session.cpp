#include "handlers/session.hpp"

#include "http_error.hpp"
#include "json.hpp"
#include "log.hpp"

#include <algorithm>

namespace gateway::handlers {

namespace {

constexpr std::size_t longest_user_agent = 256;

HttpError bad_body(const std::string &why) { return HttpError(400, "TNCY400", why); }

nlohmann::json read_object(const std::string &body) {
    try {
        nlohmann::json value = parse_json(body);
        if (value.is_object()) return value;
    } catch (const BadJson &error) {
        throw bad_body(std::string("the body is not acceptable JSON: ") + error.what());
    }
    throw bad_body("the body must be a JSON object");
}

std::string text_field(const nlohmann::json &object, const char *name) {
    const auto found = object.find(name);
    if (found == object.end()) return {};
    if (!found->is_string()) throw bad_body(std::string("\"") + name + "\" must be a string");
    const auto &text = found->get_ref<const std::string &>();
    // Postgres has no NUL in text, and C strings end at one: two passwords would become one.
    if (text.find('\0') != std::string::npos) throw bad_body(std::string("\"") + name + "\" must not contain NUL");
    return text;
}

// For the session's record, so that people can tell their sessions apart; never trusted.
std::string client_json(const http::Request &request) {
    const std::string *agent = request.header("user-agent");
    std::string text = agent ? agent->substr(0, longest_user_agent) : "";
    std::replace_if(text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
    return "{\"address\":" + json_string(request.remote_address) + ",\"user_agent\":" + json_string(text) + "}";
}

void hand_out(const Services &services, const http::Request &request, const db::SignIn &sign_in, httplib::Response &response) {
    if (!sign_in.token.empty())
        response.set_header("Set-Cookie", services.credentials.set_cookie(request, sign_in.token, sign_in.seconds));
    answer_json(response, sign_in.session_json);
}

// A browser holds one session. The one before, which may be somebody else's, must not live on without anybody's cookie.
void end_session_before(Services &services, const std::optional<std::string> &token) {
    if (!token) return;
    try {
        services.database.logout(*token);
    } catch (const std::exception &error) {
        // The sign-in stands, and its cookie must reach the browser; the other session ends with its time.
        log::write(log::Level::warning, "could not end the session before a sign-in", {{"reason", error.what()}});
    }
}

} // namespace

std::string required_token(const Services &services, const http::Request &request) {
    if (auto token = services.credentials.token(request)) return *token;
    throw HttpError(401, "TNCY401", "not signed in, or the session has ended");
}

LoginForm read_login_form(const std::string &body) {
    const nlohmann::json object = read_object(body);
    return {text_field(object, "userName"), text_field(object, "password")};
}

std::optional<std::string> read_tenant_choice(const std::string &body) {
    const nlohmann::json object = read_object(body);
    const auto found = object.find("tenantId");
    if (found != object.end() && found->is_null()) return std::nullopt;
    if (found != object.end() && found->is_number_integer()) return found->dump();
    std::string tenant = text_field(object, "tenantId");
    if (tenant.empty()) throw bad_body("\"tenantId\" is missing");
    return tenant;
}

void login(Services &services, const http::Request &request, const Names &, httplib::Response &response) {
    require_json(request);
    const LoginForm form = read_login_form(request.body);
    const auto before = services.credentials.token(request);
    // The same text as for a wrong one; no hash has to be checked to know it.
    if (form.user_name.empty() || form.password.empty()) throw error_for_sqlstate("28P01", "", "");
    const db::SignIn sign_in = services.database.login(form.user_name, form.password, client_json(request));
    end_session_before(services, before);
    hand_out(services, request, sign_in, response);
}

void show_session(Services &services, const http::Request &request, const Names &, httplib::Response &response) {
    answer_json(response, services.database.session(required_token(services, request)));
}

void choose_tenant(Services &services, const http::Request &request, const Names &, httplib::Response &response) {
    require_json(request);
    const std::string token = required_token(services, request);
    hand_out(services, request, services.database.choose_tenant(token, read_tenant_choice(request.body)), response);
}

void logout(Services &services, const http::Request &request, const Names &, httplib::Response &response) {
    if (const auto token = services.credentials.token(request)) services.database.logout(*token);
    response.set_header("Set-Cookie", services.credentials.clear_cookie(request));
    response.status = 204;
}

} // namespace gateway::handlers
