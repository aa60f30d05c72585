#pragma once

#include "directory/siphash.hpp"

#include <leasehold/base/uuid.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leasehold::router {

inline std::string_view key_bytes(const std::string& key) noexcept
{
    return key;
}
inline std::string_view key_bytes(std::string_view key) noexcept
{
    return key;
}
template <class Tag>
std::string_view key_bytes(const strong_id<Tag>& key) noexcept
{
    const auto& bytes = key.value().bytes();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// An immutable map in two levels, 64 pages of 64 shards. with() makes the next one: only the shards that a
// change falls into, their pages and the root are new; all else is shared. A look-up neither locks nor
// allocates.
template <class Key, class Value>
class sharded_map
{
public:
    using changes = std::map<Key, std::optional<Value>>;  // without a value: remove

    template <class Name>
    [[nodiscard]] const Value* find(const Name& key) const noexcept
    {
        const auto hash = siphash(key_bytes(key));
        const auto* in = shard_of(hash);
        if (in == nullptr) return nullptr;
        auto at = std::lower_bound(in->begin(), in->end(), hash, before);
        for (; at != in->end() && at->hash == hash; ++at) {
            if (key_bytes(at->key) == key_bytes(key)) return &at->value;
        }
        return nullptr;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    template <class Visit>
    void visit(Visit&& with) const
    {
        for (const auto& page : pages_) {
            if (!page) continue;
            for (const auto& shard : *page) {
                if (!shard) continue;
                for (const auto& one : *shard) with(one.key, one.value);
            }
        }
    }

    [[nodiscard]] sharded_map with(const changes& all) const
    {
        sharded_map next = *this;
        std::map<std::size_t, std::vector<std::pair<std::uint64_t, typename changes::const_iterator>>>
            by_shard;
        for (auto one = all.begin(); one != all.end(); ++one) {
            const auto hash = siphash(key_bytes(one->first));
            by_shard[place_of(hash)].emplace_back(hash, one);
        }
        std::size_t opened = pages_.size();  // the page that is being rebuilt
        std::shared_ptr<shard_page> draft;
        for (const auto& [place, changed] : by_shard) {
            if (place / width != opened) {
                opened = place / width;
                const auto& old = next.pages_[opened];
                draft = old ? std::make_shared<shard_page>(*old) : std::make_shared<shard_page>();
                next.pages_[opened] = draft;
            }
            auto& shard = (*draft)[place % width];
            shard = next.rebuild(shard.get(), changed);
        }
        return next;
    }

private:
    struct entry
    {
        std::uint64_t hash;
        Key key;
        Value value;
    };
    using shard_entries = std::vector<entry>;  // by hash
    static constexpr std::size_t width = 64;
    using shard_page = std::array<std::shared_ptr<const shard_entries>, width>;

    static bool before(const entry& one, std::uint64_t hash) noexcept { return one.hash < hash; }
    static std::size_t place_of(std::uint64_t hash) noexcept { return hash >> 52U; }

    const shard_entries* shard_of(std::uint64_t hash) const noexcept
    {
        const auto place = place_of(hash);
        const auto& in = pages_[place / width];
        return in ? (*in)[place % width].get() : nullptr;
    }

    template <class Changed>
    std::shared_ptr<const shard_entries> rebuild(const shard_entries* old, const Changed& changed)
    {
        auto made = std::make_shared<shard_entries>();
        const auto is_changed = [&](const entry& one) {
            return std::any_of(changed.begin(), changed.end(), [&](const auto& c) {
                return c.first == one.hash && c.second->first == one.key;
            });
        };
        made->reserve((old != nullptr ? old->size() : 0) + changed.size());
        if (old != nullptr) {
            size_ -= old->size();
            std::copy_if(old->begin(), old->end(), std::back_inserter(*made), [&](const entry& one) {
                return !is_changed(one);
            });
        }
        for (const auto& [hash, one] : changed) {
            if (one->second) made->push_back(entry{hash, one->first, *one->second});
        }
        std::sort(made->begin(), made->end(), [](const entry& a, const entry& b) { return a.hash < b.hash; });
        size_ += made->size();
        return made;
    }

    std::array<std::shared_ptr<const shard_page>, width> pages_{};
    std::size_t size_ = 0;
};

}  // namespace leasehold::router
