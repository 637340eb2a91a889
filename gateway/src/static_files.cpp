#include "static_files.hpp"

#include "http_error.hpp"

#include <zlib.h>

#include <array>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gateway {

namespace {

constexpr std::size_t largest_file = 32u << 20;
constexpr std::size_t largest_cache = 128u << 20;
constexpr const char *page_policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
                                    "connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
                                    "form-action 'self'";
constexpr const char *page_permissions =
    "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()";

struct Type {
    std::string_view extension;
    const char *media;
    bool text; // worth compressing
};

constexpr std::array<Type, 18> types = {{
    {"html", "text/html; charset=utf-8", true},
    {"js", "text/javascript; charset=utf-8", true},
    {"mjs", "text/javascript; charset=utf-8", true},
    {"css", "text/css; charset=utf-8", true},
    {"json", "application/json; charset=utf-8", true},
    {"map", "application/json; charset=utf-8", true},
    {"svg", "image/svg+xml", true},
    {"txt", "text/plain; charset=utf-8", true},
    {"webmanifest", "application/manifest+json", true},
    {"wasm", "application/wasm", true},
    {"png", "image/png", false},
    {"jpg", "image/jpeg", false},
    {"jpeg", "image/jpeg", false},
    {"gif", "image/gif", false},
    {"webp", "image/webp", false},
    {"ico", "image/x-icon", false},
    {"woff", "font/woff", false},
    {"woff2", "font/woff2", false},
}};
constexpr Type unknown_type = {"", "application/octet-stream", false};

std::string_view extension(std::string_view name) {
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

const Type &type_of(std::string_view name) {
    for (const Type &type : types)
        if (http::equal_ignoring_case(type.extension, extension(name))) return type;
    return unknown_type;
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(Descriptor &&other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Descriptor &operator=(Descriptor &&other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    int get() const { return fd_; }

private:
    int fd_;
};

std::string zipped(const std::string &body) {
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
    std::string out(deflateBound(&stream, body.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(body.data())); // zlib only reads it
    stream.avail_in = static_cast<uInt>(body.size());
    stream.next_out = reinterpret_cast<Bytef *>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return done && out.size() < body.size() ? out : std::string();
}

std::string etag_of(const std::string &body) {
    unsigned long long hash = 14695981039346656037ull; // FNV-1a: a change must show, nobody must be kept from forging
    for (const char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "\"%zx-%016llx\"", body.size(), hash);
    return text.data();
}

bool plain_name(const std::string &segment) {
    return !segment.empty() && segment.front() != '.' && segment.find_first_of("/\\") == std::string::npos;
}

HttpError not_found() { return HttpError(404, "TNCY404", "there is nothing at this address"); }

} // namespace

bool accepts_gzip(const http::Request &request) {
    for (const http::Header &header : request.headers) {
        if (header.name != "accept-encoding") continue;
        std::string_view rest = header.value;
        while (!rest.empty()) {
            const auto comma = rest.find(',');
            const auto item = rest.substr(0, comma);
            rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
            const auto semicolon = item.find(';');
            if (!http::equal_ignoring_case(http::trimmed(item.substr(0, semicolon)), "gzip")) continue;
            if (semicolon == std::string_view::npos) return true;
            const auto weight = http::trimmed(item.substr(semicolon + 1));
            // "q=0", "q=0.", "q=0.000" mean: not this one.
            return !weight.starts_with("q=0") || weight.find_first_of("123456789") != std::string_view::npos;
        }
    }
    return false;
}

bool matches_etag(const std::string *if_none_match, std::string_view etag) {
    if (!if_none_match) return false;
    std::string_view rest = *if_none_match;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        auto item = http::trimmed(rest.substr(0, comma));
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        if (item == "*") return true;
        if (item.starts_with("W/")) item.remove_prefix(2);
        if (item == etag) return true;
    }
    return false;
}

void StaticFiles::answer(const http::Request &request, const std::vector<std::string> &segments,
                         httplib::Response &response) {
    std::vector<std::string> path = segments;
    const bool folder = path.back().empty(); // "/" and "/patients/"
    if (folder) path.pop_back();
    const bool page_route = path.empty() || extension(path.back()).empty();
    for (const std::string &segment : path)
        if (!plain_name(segment)) throw not_found();

    std::shared_ptr<const File> file;
    if (!path.empty() && !folder) file = load(path);
    if (!file && page_route) {
        path = {"index.html"};
        file = load(path);
    }
    if (!file) throw not_found();

    const Type &type = type_of(path.back());
    const bool zip = !file->zipped.empty() && accepts_gzip(request);
    std::string etag = file->etag;
    if (zip) etag.insert(etag.size() - 1, "-gz");
    const bool lasting = path.size() > 1 && path.front() == "assets"; // their names carry a hash of their content
    response.set_header("Cache-Control", lasting ? "public, max-age=31536000, immutable" : "no-cache");
    response.set_header("ETag", etag);
    if (!file->zipped.empty()) response.set_header("Vary", "Accept-Encoding");
    if (std::string_view(type.media).starts_with("text/html")) {
        response.set_header("Content-Security-Policy", page_policy);
        response.set_header("Permissions-Policy", page_permissions);
    }
    if (matches_etag(request.header("if-none-match"), etag)) {
        response.status = 304;
        return;
    }
    response.status = 200;
    if (zip) response.set_header("Content-Encoding", "gzip");
    response.set_content(zip ? file->zipped : file->body, type.media);
}

std::shared_ptr<const StaticFiles::File> StaticFiles::load(const std::vector<std::string> &segments) {
    // The root is opened each time: a new build replaces the folder. It may be a link itself; what is below may not.
    Descriptor at(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::string name;
    for (std::size_t i = 0; at.get() >= 0 && i < segments.size(); ++i) {
        const bool last = i + 1 == segments.size();
        // O_NONBLOCK: a pipe in the folder must not hold a worker.
        at = Descriptor(::openat(at.get(), segments[i].c_str(),
                                 O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY)));
        name += "/" + segments[i];
    }
    return at.get() < 0 ? nullptr : cached(name, at.get());
}

std::shared_ptr<const StaticFiles::File> StaticFiles::cached(const std::string &name, int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
    if (static_cast<std::size_t>(status.st_size) > largest_file) return nullptr;
    const long long modified = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
    const auto fresh = [&](const File &file) {
        return file.modified_ns == modified && file.size == status.st_size && file.inode == status.st_ino;
    };
    {
        const std::lock_guard lock(mutex_);
        const auto found = files_.find(name);
        if (found != files_.end() && fresh(*found->second)) return found->second;
    }
    auto file = std::make_shared<File>();
    file->body.resize(static_cast<std::size_t>(status.st_size));
    std::size_t got = 0;
    while (got < file->body.size()) {
        const ssize_t n = ::pread(descriptor, file->body.data() + got, file->body.size() - got, static_cast<off_t>(got));
        if (n <= 0) break; // cut short under our hands: the next request sees the new modification time
        got += static_cast<std::size_t>(n);
    }
    file->body.resize(got);
    if (type_of(name).text && got >= 1024) file->zipped = zipped(file->body);
    file->etag = etag_of(file->body);
    file->modified_ns = modified;
    file->size = status.st_size;
    file->inode = status.st_ino;

    const std::lock_guard lock(mutex_);
    const auto weight = [](const File &f) { return f.body.size() + f.zipped.size(); };
    if (const auto old = files_.find(name); old != files_.end()) {
        bytes_ -= weight(*old->second);
        files_.erase(old);
    }
    if (bytes_ + weight(*file) > largest_cache) { // what is still used comes back by itself
        files_.clear();
        bytes_ = 0;
    }
    bytes_ += weight(*file);
    files_.emplace(name, file);
    return file;
}

} // namespace gateway
