"""One module a cause, one function a case; `scenario.all_scenarios` lists this folder."""
