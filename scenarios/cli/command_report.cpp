// vhdlab report: what one or more runs measured, as a page, a text or numbers.
#include <array>
#include <filesystem>
#include <ostream>

#include <fmt/format.h>

#include "reports/export/render.h"
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
          "Makes a report from the results of one or more runs: folders that 'vhdlab run' wrote, or "
          "their results.json.",
      .example =
          "report results/quick --output quick.html\n"
          "report before after --format markdown",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const ReportFormat format = TRY(format_asked_for(arguments));
  const std::string output =
      arguments.text("output").value_or(format == ReportFormat::html ? "report.html" : "-");
  if (output != "-") TRY(require_absent(context.files, output, arguments.has("force")));

  std::vector<reports::RunRecord> records;
  for (const std::string& path : arguments.positionals())
    records.push_back(TRY(reports::read_result_file(path)));
  const std::string text = TRY(render(format, records));

  if (output == "-") {
    context.out << text;
    return ExitCode::done;
  }
  TRY(write_text_file(context.files, context.random, output, text));
  context.out << fmt::format("report: {}\n", printable(output));
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::report_command
