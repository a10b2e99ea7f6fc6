"""From a cohort with scores or features to tidy tables, and from those to estimates."""
