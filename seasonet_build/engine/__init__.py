"""Running stages: units of work, manifests, workers, and the order of a build."""
