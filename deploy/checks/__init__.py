"""Task definitions, templates, plans and manifests checked for what matters on Fargate, before they ship."""
