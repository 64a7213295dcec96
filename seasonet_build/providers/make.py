"""The provider that a configuration names."""

from functools import partial

from seasonet_build.config import BuildConfig
from seasonet_build.config.download import DownloadSection
from seasonet_build.providers import cdse
from seasonet_build.providers.access import S3Access, TokenAccess
from seasonet_build.providers.offers import Provider
from seasonet_build.transfer.http import HttpSource, OpenAccess
from seasonet_build.transfer.remote import Source


def make_provider(config: BuildConfig) -> Provider:
    """Return the provider that a configuration names; nothing is asked yet.

    Raises:
        ConfigError: a package that the provider needs is not installed.
    """
    # Each is imported where it is used: some load libraries that the others have no need of.
    options = config.download
    if options.provider == "folder":
        from seasonet_build.providers.folder import FolderSearch, NoSource

        folders = ", ".join(str(folder) for folder in config.products.folders)
        return Provider("folder", folders, FolderSearch(config.products.folders), NoSource)
    if options.provider == "earth-search":
        from seasonet_build.providers import earth_search

        url = options.url or earth_search.STAC_URL
        search = earth_search.EarthSearch(url, options.timeout_s)
        return Provider("earth-search", url, search, partial(_source, OpenAccess(), options))
    if options.provider == "dhus":
        from seasonet_build.providers import dhus

        assert options.url is not None, "checked with the configuration"
        return dhus.make_provider(options.url, options)
    url = options.url or cdse.STAC_URL
    search_cdse = cdse.CdseSearch(url, options.protocol, options.timeout_s)
    return Provider("cdse", url, search_cdse, partial(_connect_cdse, options))


def _connect_cdse(options: DownloadSection) -> Source:
    if options.protocol == "s3":
        return _source(S3Access(options.endpoint or cdse.S3_ENDPOINT, options.region, options.profile), options)
    return _source(TokenAccess(options.token_url or cdse.TOKEN_URL, options.timeout_s), options)


def _source(access: S3Access | TokenAccess | OpenAccess, options: DownloadSection) -> Source:
    return HttpSource(access, options.timeout_s, options.connections)
