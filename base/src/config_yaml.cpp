#include <leasehold/base/config_yaml.hpp>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

namespace leasehold {
namespace {

// Events instead of YAML::Node: a node tree has already resolved aliases and forgotten tags and duplicate
// keys.
class tree_builder : public YAML::EventHandler
{
public:
    explicit tree_builder(std::vector<config_problem>& problems) : problems_(problems) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        refuse_anchor(mark, anchor);
        add(node_at(mark, yaml_node::shape::null));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override
    {
        refuse(mark, "aliases (*name) are not allowed");
        add(node_at(mark, yaml_node::shape::null));
    }

    void OnScalar(
        const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value
    ) override
    {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        auto node = node_at(mark, yaml_node::shape::scalar);
        node.text = value;
        node.is_quoted = tag == "!";
        add(std::move(node));
    }

    void OnSequenceStart(
        const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value
    ) override
    {
        open(mark, tag, anchor, yaml_node::shape::list);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(
        const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value
    ) override
    {
        open(mark, tag, anchor, yaml_node::shape::map);
    }
    void OnMapEnd() override { close(); }

    yaml_node take() { return std::move(root_); }

private:
    struct open_node
    {
        yaml_node node;
        std::vector<yaml_node> children;
    };

    static yaml_node node_at(const YAML::Mark& mark, yaml_node::shape kind)
    {
        yaml_node node;
        node.kind = kind;
        node.line = mark.line + 1;
        return node;
    }

    void refuse(const YAML::Mark& mark, std::string text)
    {
        problems_.push_back({"", mark.line + 1, std::move(text)});
    }

    void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor)
    {
        if (anchor != 0) refuse(mark, "anchors (&name) are not allowed");
    }

    void refuse_tag(const YAML::Mark& mark, const std::string& tag)
    {
        if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "tags (!name) are not allowed");
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, yaml_node::shape kind)
    {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        open_.push_back({node_at(mark, kind), {}});
    }

    void close()
    {
        auto done = std::move(open_.back());
        open_.pop_back();
        if (done.node.kind == yaml_node::shape::list) {
            done.node.items = std::move(done.children);
        } else {
            for (std::size_t i = 0; i + 1 < done.children.size(); i += 2)
                done.node.entries.push_back({std::move(done.children[i]), std::move(done.children[i + 1])});
        }
        add(std::move(done.node));
    }

    void add(yaml_node node)
    {
        if (open_.empty())
            root_ = std::move(node);
        else
            open_.back().children.push_back(std::move(node));
    }

    std::vector<config_problem>& problems_;
    std::vector<open_node> open_;
    yaml_node root_;
};

bool is_plain(std::string_view text)
{
    if (text.empty()) return false;
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_-./:%+@").find(c) != std::string_view::npos;
    };
    if (!std::all_of(text.begin(), text.end(), allowed)) return false;
    if (text.back() == ':' || std::string_view("-:%@").find(text.front()) != std::string_view::npos)
        return false;
    return text != "null" && text != "~";
}

}  // namespace

yaml_node parse_yaml(const std::string& text, std::vector<config_problem>& problems)
{
    std::istringstream in(text);
    tree_builder builder(problems);
    try {
        YAML::Parser parser(in);
        if (!parser.HandleNextDocument(builder)) return {};
        tree_builder second(problems);
        if (parser.HandleNextDocument(second))
            problems.push_back({"", 0, "a second YAML document is not allowed"});
    } catch (const YAML::Exception& bad) {
        problems.push_back({"", bad.mark.line + 1, "not YAML: " + bad.msg});
        return {};
    }
    return builder.take();
}

yaml_node parse_scalar(std::string_view text)
{
    yaml_node node;
    node.kind = yaml_node::shape::scalar;
    node.text = text;
    if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
        std::vector<config_problem> problems;
        auto quoted = parse_yaml(std::string(text), problems);
        if (problems.empty() && quoted.kind == yaml_node::shape::scalar) node = std::move(quoted);
    }
    node.line = 0;
    return node;
}

yaml_node parse_comma_list(std::string_view text)
{
    yaml_node node;
    node.kind = yaml_node::shape::list;
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        auto item = text.substr(0, end);
        while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
        while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
        node.items.push_back(parse_scalar(item));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return node;
}

std::string to_yaml_text(std::string_view text)
{
    if (is_plain(text)) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            quoted += fmt::format("\\{}", c);
        else if (byte < 0x20)
            quoted += fmt::format("\\x{:02x}", byte);
        else
            quoted += c;
    }
    return quoted + '"';
}

}  // namespace leasehold
