// A request for data as bytes, and back: what the fuzzer of the compiler changes. The tables of tests are its first
// inputs: `REST_SEEDS=FOLDER gateway_tests` keeps each of their requests there as a file.
//
//   byte 0 method, 1 forms, 2 target and flags, 3 first row; then a line of query, a line of preferences, the body
#pragma once

#include "rest/compile.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

namespace rest_seed {

using namespace gateway::rest;

inline constexpr std::array<std::string_view, 16> targets = {
    "notes",   "authors",      "labels",        "categories", "note_labels", "staff",       "events",   "note_details",
    "rpc/add", "rpc/notes_of", "rpc/make_note", "rpc/ping",   "rpc/totals",  "rpc/sum_all", "rpc/echo", "rpc/pick"};
inline constexpr std::array bodies = {BodyFormat::json, BodyFormat::csv, BodyFormat::form, BodyFormat::none};
inline constexpr std::string_view only_id = "7";

struct Sent {
    std::string_view target;
    std::string_view prefer; // request.prefer is still to be read from it
    Request request;
};

// Points into `bytes`, which are four at least.
inline Sent read(std::string_view bytes) {
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    const std::string_view text = bytes.substr(4);
    const auto newline = text.find('\n');
    const std::string_view rest = newline == std::string_view::npos ? std::string_view() : text.substr(newline + 1);
    const auto second = rest.find('\n');

    Sent sent;
    sent.target = targets[at(2) / 4 % targets.size()];
    sent.prefer = rest.substr(0, second);
    sent.request.method = static_cast<Method>(at(0) % 6);
    sent.request.query = text.substr(0, newline);
    sent.request.format = static_cast<Format>(at(1) % 4);
    sent.request.body_format = bodies[at(1) / 4 % bodies.size()];
    sent.request.body = second == std::string_view::npos ? std::string_view() : rest.substr(second + 1);
    if (at(2) & 1) sent.request.id = std::string(only_id);
    if (at(2) & 2) sent.request.range = RowRange{at(3), std::nullopt};
    return sent;
}

// Nothing for what bytes cannot say, such as a target that is not there. Any id becomes the one that bytes know.
inline std::string write(const Sent &sent) {
    const auto target = std::find(targets.begin(), targets.end(), sent.target) - targets.begin();
    const auto body = std::find(bodies.begin(), bodies.end(), sent.request.body_format) - bodies.begin();
    if (target == std::ssize(targets) || sent.request.query.find('\n') != std::string_view::npos ||
        sent.prefer.find('\n') != std::string_view::npos)
        return {};
    const std::int64_t first = sent.request.range ? std::min<std::int64_t>(sent.request.range->first, 255) : 0;
    std::string bytes = {static_cast<char>(sent.request.method),
                         static_cast<char>(static_cast<int>(sent.request.format) + 4 * body),
                         static_cast<char>((sent.request.id ? 1 : 0) + (sent.request.range ? 2 : 0) + 4 * target),
                         static_cast<char>(first)};
    bytes.append(sent.request.query).append("\n").append(sent.prefer).append("\n").append(sent.request.body);
    return bytes;
}

inline void keep(const Sent &sent) {
    const char *folder = std::getenv("REST_SEEDS");
    if (!folder) return;
    const std::string bytes = write(sent);
    if (bytes.empty()) return;
    std::ofstream(std::string(folder) + "/" + std::to_string(std::hash<std::string>()(bytes)), std::ios::binary)
        << bytes;
}

} // namespace rest_seed
