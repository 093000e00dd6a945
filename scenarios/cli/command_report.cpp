// vhdlab report: what one or more runs measured, or figures over commits, as a page, a text or numbers.
#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <ostream>

#include <fmt/format.h>

#include "reports/export/render.h"
#include "reports/history/figure_history.h"
#include "reports/history/history_table.h"
#include "reports/html/history_page.h"
#include "reports/html/html.h"
#include "reports/results/result_file.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/cli/write_text_file.h"

namespace vhdlab::scenarios::report_command {
namespace {

enum class ReportFormat { html, markdown, csv, json };

Result<ReportFormat> format_asked_for(const Arguments& arguments) {
  constexpr std::array<std::string_view, 4> formats = {"html", "markdown", "csv", "json"};
  return static_cast<ReportFormat>(TRY(arguments.choice("format", formats)).value_or(0));
}

Result<std::string> render(ReportFormat format, const std::vector<reports::RunRecord>& records) {
  switch (format) {
    case ReportFormat::html:
      return reports::render_html(records);
    case ReportFormat::markdown:
      return reports::render_markdown(records);
    case ReportFormat::csv:
      return reports::render_csv(records);
    case ReportFormat::json:
      return reports::render_json(records);
  }
  return std::string();
}

Result<std::string> render_history(ReportFormat format, const std::vector<reports::HistoryFigure>& figures,
                                   std::string_view tool_version) {
  if (format == ReportFormat::html) return reports::render_history_html(figures, tool_version);
  std::string text;
  if (format == ReportFormat::json) {
    for (const reports::HistoryFigure& figure : figures)
      text += reports::history_line(figure) + '\n';
    return text;
  }
  for (const reports::Table& table : reports::history_tables(figures)) {
    text += format == ReportFormat::csv ? reports::table_as_csv(table) : reports::table_as_markdown(table);
  }
  return text;
}

// What the paths hold, as the format asked for: results of runs, or histories of figures.
Result<std::string> render_all(const CommandContext& context, const std::vector<std::string>& paths,
                               ReportFormat format) {
  const auto histories = std::ranges::count_if(paths, reports::is_history);
  if (histories == 0) {
    std::vector<reports::RunRecord> records;
    for (const std::string& path : paths)
      records.push_back(TRY(reports::read_result_file(path)));
    return render(format, records);
  }
  std::vector<reports::HistoryFigure> figures;
  for (const std::string& path : paths)
    std::ranges::move(TRY(reports::read_history(path)), std::back_inserter(figures));
  return render_history(format, figures, context.build.version);
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"DIR", Count::at_least_one}},
      .options =
          {
              {"format", "FORMAT",
               "'html' (the default), one page that needs nothing else; 'markdown', 'csv' or 'json'"},
              {"output", "FILE",
               "where the report goes, '-' for standard output; by default report.html in the current folder "
               "for html, standard output for the others"},
              {"force", "", "replace FILE where it exists"},
          },
      .description =
          "Makes a report from the results of one or more runs: folders that 'vhdlab run' wrote, or their "
          "results.json. A folder of .jsonl files, or one of them, is a history of figures, as "
          "'tools/bench-peers' keeps it: the report then shows the latest table and each figure over "
          "commits.",
      .example =
          "report results/quick --output quick.html\n"
          "report bench/history --output history.html\n"
          "report before after --format markdown",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const ReportFormat format = TRY(format_asked_for(arguments));
  const std::string output =
      arguments.text("output").value_or(format == ReportFormat::html ? "report.html" : "-");
  if (output != "-") TRY(require_absent(context.files, output, arguments.has("force")));

  const std::string text = TRY(render_all(context, arguments.positionals(), format));

  if (output == "-") {
    context.out << text;
    return ExitCode::done;
  }
  TRY(write_text_file(context.files, context.random, output, text));
  context.out << fmt::format("report: {}\n", printable(output));
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::report_command
