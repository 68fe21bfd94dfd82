"""Stand-in for Slicer's Sample Data module. Follows Modules/Scripted/SampleData/SampleData.py: sources by category in
`slicer.modules.sampleDataSources`; a click calls the source's custom downloader with the source.
"""

import slicer


class SampleDataSource:
    def __init__(self, sampleName, uris, fileNames, nodeNames, thumbnailFileName, customDownloader):
        self.sampleName, self.sampleDescription = sampleName, sampleName
        self.uris, self.fileNames, self.nodeNames = [uris], [fileNames], [nodeNames]
        self.thumbnailFileName, self.customDownloader = thumbnailFileName, customDownloader

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


class SampleDataLogic:
    @staticmethod
    def registerCustomSampleDataSource(category="Custom", **about):
        if not hasattr(slicer.modules, "sampleDataSources"):
            slicer.modules.sampleDataSources = {}
        sources = slicer.modules.sampleDataSources.setdefault(category, [])
        source = SampleDataSource(**about)
        if source not in sources:
            sources.append(source)


def click(source):
    return source.customDownloader(source)
