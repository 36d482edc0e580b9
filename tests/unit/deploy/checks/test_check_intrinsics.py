"""CloudFormation's functions: what a template alone decides, and what it leaves open."""

from typing import Any

import pytest

from deploy.checks.readers.intrinsics import NO_ECHO, Intrinsics
from deploy.checks.section import UNKNOWN

RESOLVE = Intrinsics(
    {
        "Text": {"Type": "String", "Default": "512"},
        "Number": {"Type": "Number", "Default": 512},
        "Numeral": {"Type": "Number", "Default": "512"},
        "Half": {"Type": "Number", "Default": 0.5},
        "Open": {"Type": "Number"},
        "List": {"Type": "CommaDelimitedList", "Default": "a,b"},
        "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/app/image"},
        "Key": {"Type": "String", "Default": "x", "NoEcho": True},
        "KeyInText": {"Type": "String", "NoEcho": "true"},
        "Shown": {"Type": "String", "Default": "x", "NoEcho": "false"},
        "Odd": "no parameter",
    }
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Text", "512"),
        ("Number", 512),
        ("Numeral", "512"),
        ("Half", 0.5),
        ("Open", UNKNOWN),
        ("List", UNKNOWN),
        ("Stored", UNKNOWN),
        ("Key", NO_ECHO + "Key}}"),
        ("KeyInText", NO_ECHO + "KeyInText}}"),
        ("Shown", "x"),
        ("Odd", UNKNOWN),
        ("AWS::Region", UNKNOWN),
        ("AWS::NoValue", None),
        (["Text"], UNKNOWN),
    ],
)
def test_a_reference_is_the_parameters_default_where_that_is_what_is_deployed(name: Any, value: Any) -> None:
    assert RESOLVE({"Ref": name}) == value


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ({"Fn::Sub": "a:${Number}"}, "a:512"),
        ({"Fn::Sub": "a:${Open}-${AWS::Region}"}, "a:${Open}-${AWS::Region}"),
        ({"Fn::Sub": ["${Text}:${Mine}", {"Mine": "x", "Text": "y"}]}, "${?}:${?}"),
        ({"Fn::Sub": ["${Text}", {"Mine": "x"}]}, "512"),
        ({"Fn::Sub": ["${Text}"]}, "512"),
        ({"Fn::Sub": {"Ref": "Text"}}, UNKNOWN),
        ({"Fn::Join": ["/", ["a", {"Ref": "Number"}, 7, {"Ref": "Open"}, {"Fn::GetAtt": "R.Arn"}]]}, None),
        ({"Fn::Join": ["/", {"Ref": "List"}]}, UNKNOWN),
        ({"Fn::Join": ["/"]}, UNKNOWN),
        ({"Fn::If": ["C", "a", "b"]}, UNKNOWN),
        ({"Condition": "C"}, UNKNOWN),
        ({"Name": "a"}, {"Name": "a"}),
        ({"Ref": "Text", "Name": "a"}, {"Ref": "Text", "Name": "a"}),
        ("Text", "Text"),
        ("T", "T"),
        (7, 7),
        ({"Fn::Sub": "${AWS::NoValue}"}, "${AWS::NoValue}"),
        ({"Fn::Sub": []}, UNKNOWN),
        ({"Fn::Sub": ["${Text}", "Text"]}, "512"),
        ({"Fn::Join": {"a": 1, "b": 2}}, UNKNOWN),
        ({"Fn::Join": ["", ["a", {"Ref": "AWS::NoValue"}, {"Ref": ["Text"]}, ["Ref"]]]}, "a${AWS::NoValue}${?}${?}"),
    ],
)
def test_a_function_is_what_it_makes_with_a_hole_for_what_is_open(function: Any, value: Any) -> None:
    joined = "a/512/7/${Open}/${?}"
    assert RESOLVE(function) == (joined if value is None else value)
