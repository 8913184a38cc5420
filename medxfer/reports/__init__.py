"""What leaves the workspace: tables and figures, each with the research-use line."""
