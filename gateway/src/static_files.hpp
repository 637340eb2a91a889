// The page's files, from memory: read once with ETag and gzip form, again when a file changes. Paths are walked one
// segment at a time without following links, so nothing outside the root can be named.
#pragma once

#include "http/request.hpp"

#include <httplib.h>

#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace gateway {

class StaticFiles {
public:
    explicit StaticFiles(std::string root) : root_(std::move(root)) {}

    // Answers a GET or HEAD; throws HttpError 404 when there is no such file. A path without a file extension is one
    // of the page's own routes and gets index.html.
    void answer(const http::Request &request, const std::vector<std::string> &segments, httplib::Response &response);

private:
    struct File {
        std::string body;
        std::string zipped; // empty: not worth it
        std::string etag;
        long long modified_ns = 0;
        long long size = 0;
        unsigned long long inode = 0;
    };

    std::shared_ptr<const File> load(const std::vector<std::string> &segments);
    std::shared_ptr<const File> cached(const std::string &name, int descriptor);

    const std::string root_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const File>> files_;
    std::size_t bytes_ = 0;
};

std::string etag_of(const std::string &body);
bool accepts_gzip(const http::Request &request);
bool matches_etag(const std::string *if_none_match, std::string_view etag);

} // namespace gateway
