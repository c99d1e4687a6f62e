"""The ground: settings, servers, processes and the tools everything else stands on. Imports nothing of ours."""
